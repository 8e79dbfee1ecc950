"""How many calls a tenant may make: sliding windows that keep to a limit as the platform counts it. Pure.

A call holds its place in a short window from the moment it is sent until `window` seconds after its *answer*: the
platform counted it at some time between the two, so whatever the network does, it never counts more than we allow.
`now` is in seconds since the epoch and never goes back: whoever calls takes care of that.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from headrace.core.counts import Counts
from headrace.sdk.limits import CallLimits

DAY: Final = 86_400.0
YEAR: Final = 366 * DAY
BUCKETS: Final = 288
"""Parts of a day or a year that are remembered: a long window gives its calls back part by part, five minutes a day."""

Span = Literal["window", "day", "year"]


class Spent(Struct, kw_only=True):
    """Calls by part of the day and of the year: what a budget stores, so that a restart gives nothing back."""

    day: Counts = {}
    year: Counts = {}


class _Long:
    """A window in parts: each counts until it has left the window whole."""

    def __init__(self, most: int, window: float, counts: Counts) -> None:
        self.most: Final = most
        self.counts: Final = counts
        self._part: Final = window / BUCKETS

    def left(self, now: float) -> int:
        oldest = int(now / self._part) - BUCKETS
        for part in [part for part in self.counts if part < oldest]:
            del self.counts[part]
        return self.most - sum(self.counts.values())

    def wait(self, now: float) -> float:
        left, free_at = self.left(now), now
        for part, count in sorted(self.counts.items()):
            if left > 0:
                break
            left += count
            free_at = (part + BUCKETS + 1) * self._part
        return free_at - now

    def take(self, now: float) -> None:
        part = int(now / self._part)
        self.counts[part] = self.counts.get(part, 0) + 1


class Budget:
    """One tenant's budget. `start` a call only when `wait` says 0, and `end` it whatever became of it."""

    def __init__(self, limits: CallLimits, spent: Spent | None = None) -> None:
        self.limits: Final = limits
        self.spent: Final = spent or Spent()
        self._ends: Final[deque[float]] = deque()
        self._out = 0
        self._held_until = 0.0
        self._long: Final[dict[Span, _Long]] = {}
        if limits.per_day:
            self._long["day"] = _Long(limits.per_day, DAY, self.spent.day)
        if limits.per_year:
            self._long["year"] = _Long(limits.per_year, YEAR, self.spent.year)

    @property
    def out(self) -> int:
        """How many calls have started and not ended."""
        return self._out

    def wait(self, now: float) -> float | None:
        """Give the seconds until a call may start: 0 is now, None is when one of those that are out has ended."""
        waits = [max(0.0, self._held_until - now), *(long.wait(now) for long in self._long.values())]
        if self._window_left(now) <= 0:
            if not self._ends:
                return None
            waits.append(self._ends[0] + self.limits.window - now)
        return max(waits)

    def start(self, now: float) -> None:
        """Count a call that is sent now."""
        self._out += 1
        for long in self._long.values():
            long.take(now)

    def end(self, now: float) -> None:
        """Note that a call was answered, or given up."""
        self._out -= 1
        self._ends.append(now)

    def hold(self, until: float) -> None:
        """Let nothing start before `until`: the platform said so."""
        self._held_until = max(self._held_until, until)

    def fill(self, calls: int, until: float) -> None:
        """Count calls of a predecessor, of which the last may have been answered at `until`."""
        self._ends.extend([until] * calls)

    def filled(self, now: float) -> int:
        """Give how many calls hold a place in the short window."""
        return self.limits.per_window - self._window_left(now)

    def left(self, now: float) -> Mapping[Span, int]:
        """Give how many calls are left of each limit."""
        found: dict[Span, int] = {"window": self._window_left(now)}
        return found | {span: long.left(now) for span, long in self._long.items()}

    def _window_left(self, now: float) -> int:
        while self._ends and self._ends[0] + self.limits.window <= now:
            self._ends.popleft()
        return self.limits.per_window - len(self._ends) - self._out
