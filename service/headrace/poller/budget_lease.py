"""Calls that a tenant may make before it must write again what it has spent. Pure.

What was spent is written *before* it is: a crash loses part of a budget and never gets more. It ends after some seconds
as well, so that a poller that slept through its replacement makes no call before it has heard of it.
"""

from typing import Final

from msgspec import Struct

from headrace.core.counts import Counts
from headrace.poller.budget import BUCKETS, DAY, YEAR, Budget, Spent
from headrace.records.cursors import Spending
from headrace.sdk.limits import CallLimits

SECONDS: Final = 10.0
SHARE: Final = 100
"""A hundredth of a long budget is written ahead: so much of it may be lost to a crash."""
LONG_WINDOW: Final = 60.0
"""Seconds from which a short window is counted ahead as well: a successor rather waits for one that is shorter."""


class Lease(Struct):
    """What is written ahead: `calls` of them (None: any number) until `until`, in seconds since the epoch."""

    calls: int | None = 0
    until: float = 0.0

    def covers(self, now: float) -> bool:
        """Say whether one more call is written already."""
        return now < self.until and (self.calls is None or self.calls > 0)

    def use(self) -> None:
        """Note a call."""
        if self.calls is not None:
            self.calls -= 1


def renewed(limits: CallLimits, now: float) -> Lease:
    """Give a new lease."""
    window = limits.per_window if limits.window > LONG_WINDOW else 0
    smallest = min((most for most in (window, limits.per_day, limits.per_year) if most), default=0)
    return Lease(max(1, smallest // SHARE) if smallest else None, now + SECONDS)


def written(spent: Spent, lease: Lease, now: float, filled: int | None = None) -> Spending:
    """Write what was spent, and what a lease allows, as if it had been; `filled` is what the short window holds."""
    ahead = None if filled is None or lease.calls is None else filled + lease.calls
    return Spending(_with(spent.day, DAY, lease, now), _with(spent.year, YEAR, lease, now), lease.until, ahead)


def restored(limits: CallLimits, spending: Spending | None) -> Budget:
    """Make the budget of what was written.

    Nothing begins while calls of a predecessor may fill the short window; where they were counted ahead, the rest of it
    is free at once: an hour is too long to wait.
    """
    if spending is None:
        return Budget(limits)
    day = dict(spending.day) if limits.per_day else {}
    year = dict(spending.year) if limits.per_year else {}
    budget = Budget(limits, Spent(day=day, year=year))
    if spending.filled is None:
        budget.hold(spending.until + limits.window)
    else:
        budget.fill(spending.filled, spending.until)
    return budget


def _with(counts: Counts, span: float, lease: Lease, now: float) -> Counts:
    if not lease.calls:
        return dict(counts)
    part = int(now / (span / BUCKETS))
    return counts | {part: counts.get(part, 0) + lease.calls}
