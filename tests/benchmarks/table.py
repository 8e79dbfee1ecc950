"""The table that a run ends with: one row a comparison, with its verdict."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

HEAD: Final = ("what", "ours", "limit or target", "ratio", "verdict")


class Row(Struct, frozen=True):
    """One comparison; `verdict` is "reached", "missed", or empty where there is no target."""

    name: str
    ours: str
    limit: str
    ratio: str = ""
    verdict: str = ""


def judged(name: str, ours: float, limit: float, unit: str, *, least: float, ratio: float | None = None) -> Row:
    """Compare where more is better: reached if ours is at least `least` times the limit.

    `ratio` is the median of the pairs, where it was taken in pairs.
    """
    ratio = ours / limit if ratio is None else ratio
    return Row(name, f"{_number(ours)} {unit}", f"{_number(limit)} {unit}", f"{ratio:.2f}", _verdict(ratio >= least))


def at_most(name: str, ours: float, target: float, unit: str) -> Row:
    """Compare where less is better."""
    return Row(
        name, f"{_number(ours)} {unit}", f"≤ {_number(target)} {unit}", f"{ours / target:.2f}", _verdict(ours <= target)
    )


def flat(name: str, small: float, large: float, unit: str) -> Row:
    """Compare a cost on a small and on a large scale: flat within a tenth."""
    ratio = large / small
    return Row(
        name, f"{_number(large)} {unit}", f"{_number(small)} {unit}", f"{ratio:.2f}", _verdict(0.9 <= ratio <= 1.1)
    )


def text(rows: Iterable[Row]) -> str:
    """Lay rows out in columns; numbers to the right."""
    cells = [HEAD, *((row.name, row.ours, row.limit, row.ratio, row.verdict) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 0 < column < len(HEAD) - 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _verdict(reached: bool) -> str:  # noqa: FBT001  (its only word)
    return "reached" if reached else "missed"
