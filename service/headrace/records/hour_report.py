"""What the normalizer of one raw partition counted of a tenant's hour, and how latenesses are kept. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

EDGES: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400)
"""Seconds: how much later one way was than the other is kept as a number of facts up to each edge, and beyond."""


class HourReport(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The facts of `hour` (whole hours since the epoch) in raw partition `partition`, once it is closed there.

    `both` ways told so many, `webhook` alone so many; `poll` alone, by what they are: whether webhooks tell such facts
    is known where all partitions come together, from all `webhook_kinds`. Latenesses are numbers of facts by edge.
    `missed` are those that the sweep found and discovery did not, `uncounted` those that found no room in memory.
    """

    hour: int
    partition: int
    both: int = 0
    webhook: int = 0
    poll: dict[str, int] = {}
    webhook_kinds: tuple[str, ...] = ()
    poll_later: tuple[int, ...] = ()
    webhook_later: tuple[int, ...] = ()
    missed: int = 0
    uncounted: int = 0


def with_lateness(counts: Sequence[int], seconds: float) -> tuple[int, ...]:
    """Return latenesses with one more."""
    at = bisect_left(EDGES, seconds)
    return sum_of(counts, (*(0,) * at, 1))


def sum_of(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Return the latenesses of both; those that end early have none beyond."""
    wide = max(len(one), len(other))
    padded = ((*counts, *(0,) * (wide - len(counts))) for counts in (one, other))
    return tuple(map(sum, zip(*padded, strict=True)))


def at_most(counts: Sequence[int], share: float) -> int | None:
    """Return the seconds that a share of the facts was late at most: an edge, -1 beyond the last, None of no facts."""
    wanted, found = sum(counts) * share, 0
    for number, count in enumerate(counts):
        found += count
        if count and found >= wanted:
            return EDGES[number] if number < len(EDGES) else -1
    return None
