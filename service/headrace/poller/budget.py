"""Call budget of one tenant: sliding windows that keep to a limit as the platform counts it. Pure.

A call holds its place in a short window from the moment it is sent until `window` seconds after its *answer*: the
platform counted it at some time between the two, so whatever the network does, it never counts more than we allow.
`now` is in seconds since the epoch and never goes back: the caller takes care of that.

What a lease allows is stored *before* it is spent: a crash loses part of a budget and never gets more. A lease ends
after some seconds as well: a poller that slept through its replacement makes no call before it has noticed.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from headrace.records.cursors import Counts, Spending
from headrace.sdk.limits import CallLimits

DAY_SECONDS: Final = 86_400.0
YEAR_SECONDS: Final = 366 * DAY_SECONDS
BUCKETS: Final = 288
"""Parts of a day or a year that are remembered: a long window gives its calls back part by part, five minutes a day."""
LEASE_SECONDS: Final = 10.0
SHARE: Final = 100
"""A hundredth of a long budget is leased at a time: so much of it may be lost to a crash."""
LONG_WINDOW_SECONDS: Final = 60.0
"""From this length on a lease counts the short window, too: a successor can simply wait for a shorter one."""
_USED: Final = 0.9
_CATCHES_UP: Final = 0.02
"""Of a short window: calls that were made later than the even spread has them are made up for within so much of it."""
_PARTS_OF_THE_END: Final = 12

Span = Literal["window", "day", "year"]


class Spent(Struct, kw_only=True):
    """Calls by part of the day and of the year: what a budget stores, so that a restart gives nothing back."""

    day: Counts = {}
    year: Counts = {}


class _LongWindow:
    """A window in parts: each counts until it has left the window whole."""

    def __init__(self, most: int, window: float, counts: Counts) -> None:
        self.most: Final = most
        self.counts: Final = counts
        self.window: Final = window
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

    def take(self, now: float, calls: int = 1) -> None:
        part = int(now / self._part)
        self.counts[part] = self.counts.get(part, 0) + calls


class Budget:
    """One tenant's budget. `start` a call only when `wait` returns 0, and `end` it whatever became of it."""

    def __init__(self, limits: CallLimits, spent: Spent | None = None) -> None:
        self.limits: Final = limits
        self.spent: Final = spent or Spent()
        self._ends: Final[deque[float]] = deque()
        self._out = 0
        self._held_until = 0.0
        self._even_at = 0.0
        self._long: Final[dict[Span, _LongWindow]] = {}
        if limits.per_day:
            self._long["day"] = _LongWindow(limits.per_day, DAY_SECONDS, self.spent.day)
        if limits.per_year:
            self._long["year"] = _LongWindow(limits.per_year, YEAR_SECONDS, self.spent.year)

    @property
    def out(self) -> int:
        """How many calls have started and not ended."""
        return self._out

    @property
    def held_until(self) -> float:
        """Before when no call may start: the platform said so, or a predecessor's may fill the window."""
        return self._held_until

    def wait(self, now: float) -> float | None:
        """Return the seconds until a call may start: 0 is now, None is when one of those that are out has ended."""
        waits = [max(0.0, self._held_until - now), *(long.wait(now) for long in self._long.values())]
        if self._window_left(now) <= 0:
            if not self._ends:
                return None
            waits.append(self._ends[0] + self.limits.window - now)
        return max(waits)

    def even_wait(self, now: float) -> float:
        """Return the seconds until one more call is no sooner than if all were spread evenly: 0 is now."""
        return max(0.0, self._even_at - now)

    def start(self, now: float) -> None:
        """Count a call that is sent now."""
        self._out += 1
        late = now - self.limits.window * _CATCHES_UP
        self._even_at = max(self._even_at, late) + self.limits.window / self.limits.per_window
        for long in self._long.values():
            long.take(now)

    def end(self, now: float) -> None:
        """Note that a call was answered, or abandoned."""
        self._out -= 1
        self._ends.append(now)

    def spend(self, calls: int, now: float, within: float = 0.0) -> None:
        """Count calls that somebody else makes within so many seconds."""
        self._ends.extend([now + within] * min(calls, self.limits.per_window))
        for long in self._long.values():
            long.take(now, calls)

    def hold(self, until: float) -> None:
        """Let no call start before `until`: the platform said so."""
        self._held_until = max(self._held_until, until)

    def fill(self, calls: int, until: float) -> None:
        """Count calls of a predecessor, of which the last may have been answered at `until`."""
        self._ends.extend([until] * calls)

    def filled(self, now: float) -> int:
        """Return how many calls hold a place in the short window."""
        return self.limits.per_window - self._window_left(now)

    def left(self, now: float) -> Mapping[Span, int]:
        """Return how many calls are left of each limit, 0 where more count than it allows: leased calls do, unmade."""
        found: dict[Span, int] = {"window": self._window_left(now)}
        found |= {span: long.left(now) for span, long in self._long.items()}
        return {span: max(0, calls) for span, calls in found.items()}

    def lasting(self, now: float) -> float | None:
        """Return the calls a second at which the long budgets never run out; None where there is none.

        That is nine tenths of the even rate: the rest is there for a burst. A budget that is nearly spent is spent
        slower: what is left then lasts for another twelfth of its window.
        """
        return min((_lasting(long.left(now), long) for long in self._long.values()), default=None)

    def allowance(self) -> float:
        """Return the calls a second that the long budgets allow in all. Raises `ValueError` where there is none."""
        return min(long.most / long.window for long in self._long.values())

    def has_left(self, share: float, now: float) -> bool:
        """Return whether more than a share of the day's and of the year's calls is left."""
        return all(long.left(now) > share * long.most for long in self._long.values())

    def _window_left(self, now: float) -> int:
        while self._ends and self._ends[0] + self.limits.window <= now:
            self._ends.popleft()
        return self.limits.per_window - len(self._ends) - self._out


class Lease(Struct):
    """Calls that are stored ahead: `calls` (None: unlimited) until `until`, in seconds since the epoch."""

    calls: int | None = 0
    until: float = 0.0

    def covers(self, now: float) -> bool:
        """Return whether the lease allows one more call."""
        return now < self.until and (self.calls is None or self.calls > 0)

    def use(self) -> None:
        """Note a call."""
        if self.calls is not None:
            self.calls -= 1


def renewed(limits: CallLimits, now: float) -> Lease:
    """Return a new lease."""
    window = limits.per_window if limits.window > LONG_WINDOW_SECONDS else 0
    smallest = min((most for most in (window, limits.per_day, limits.per_year) if most), default=0)
    return Lease(max(1, smallest // SHARE) if smallest else None, now + LEASE_SECONDS)


def written(budget: Budget, lease: Lease, now: float) -> Spending:
    """Return what was spent, including what a lease allows."""
    day = _with(budget.spent.day, DAY_SECONDS, lease, now)
    year = _with(budget.spent.year, YEAR_SECONDS, lease, now)
    filled = None if lease.calls is None else budget.filled(now) + lease.calls
    return Spending(day, year, lease.until, filled, budget.held_until if budget.held_until > now else 0.0)


def restored(limits: CallLimits, spending: Spending | None) -> Budget:
    """Return the budget that a predecessor left.

    No call starts while the predecessor's may fill the short window; where its lease counted them, the rest of the
    window is free at once: an hour is too long to wait.
    """
    if spending is None:
        return Budget(limits)
    day = dict(spending.day) if limits.per_day else {}
    year = dict(spending.year) if limits.per_year else {}
    budget = Budget(limits, Spent(day=day, year=year))
    budget.hold(spending.held)
    if spending.filled is None:
        budget.hold(spending.until + limits.window)
    else:
        budget.fill(spending.filled, spending.until)
    return budget


def _lasting(left: int, long: _LongWindow) -> float:
    return max(0.0, min(_USED * long.most, _PARTS_OF_THE_END * left)) / long.window


def _with(counts: Counts, span: float, lease: Lease, now: float) -> Counts:
    if not lease.calls:
        return dict(counts)
    part = int(now / (span / BUCKETS))
    return counts | {part: counts.get(part, 0) + lease.calls}
