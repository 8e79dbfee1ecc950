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


def amount(value: float, unit: str) -> str:
    """Return a value of a unit in the largest scale that it fills."""
    scales = _SCALES[unit]
    size, name = next((one for one in scales if abs(value) >= one[0]), scales[-1])
    return f"{value / size:.4g}{name}" if value else "0"
