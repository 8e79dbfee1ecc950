"""Amounts as Grafana shows them, by its names of units."""

from typing import Final

_SCALES: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    "s": ((86_400, " d"), (3_600, " h"), (60, " min"), (1, " s"), (0.001, " ms")),
    "bytes": ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")),
    "percentunit": ((0.01, "%"),),
    "reqps": ((1_000, "k req/s"), (1, " req/s")),
    "cps": ((1_000, "k/s"), (1, "/s")),
    "short": ((1_000_000, " M"), (1_000, " k"), (1, "")),
}


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """Return the largest scale of a unit that a value fills: its size and its name."""
    return next((one for one in _SCALES[unit] if abs(value) >= one[0]), _SCALES[unit][-1])


def amount(value: float, unit: str) -> str:
    """Return a value of a unit in the largest scale that it fills."""
    size, name = scale_of(value, unit)
    return f"{value / size:.4g}{name}" if value else "0"
