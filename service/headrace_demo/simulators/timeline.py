"""Activities in an order, to be read page by page while more of them appear."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from headrace_demo.simulators.ledger import Plan


class Stretch(NamedTuple):
    """What one page holds, and the place where the next one begins: None where nothing is left."""

    plans: list[Plan]
    next: int | None


def scramble(plan: Plan, by: float) -> float:
    """Return up to `by` seconds either way, always the same for one activity."""
    return ((plan.number * 2_654_435_761) % 2_001 - 1_000) / 1_000 * by


class Timeline:
    """All activities, those to come as well, sorted by `time`; `by` seconds of disorder are mixed in.

    A place in it stays the same while rows appear, so a page that was read is never read again, and what appears
    before the place is missed: the way of an index with a continuation token.
    """

    def __init__(self, plans: Iterable[Plan], time: Callable[[Plan], float], by: float = 0.0) -> None:
        self._by: Final = by
        keyed = sorted((time(plan) + scramble(plan, by), plan.number, plan) for plan in plans)
        self._keys: Final = [key for key, _, _ in keyed]
        self._plans: Final = [plan for _, _, plan in keyed]

    def read(
        self,
        size: int,
        accept: Callable[[Plan], bool],
        *,
        since: float = float("-inf"),
        until: float = float("inf"),
        place: int | None = None,
        backwards: bool = False,
    ) -> Stretch:
        """Read up to `size` activities that are accepted, from a place on; `since` and `until` only save work."""
        low, high = bisect_left(self._keys, since - self._by), bisect_left(self._keys, until + self._by + 1)
        step, stop = (-1, low - 1) if backwards else (1, high)
        at = place if place is not None else high - 1 if backwards else low
        found: list[Plan] = []
        while (at > stop if backwards else at < stop) and len(found) <= size:
            if accept(self._plans[at]):
                if len(found) == size:
                    return Stretch(found, at)
                found.append(self._plans[at])
            at += step
        return Stretch(found, None)
