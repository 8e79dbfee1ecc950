"""Calls that a tenant may make before it must write again what it has spent. Pure.

What was spent is written *before* it is: a crash loses part of a budget and never gets more. It ends after some seconds
as well, so that a poller that slept through its replacement makes no call before it has heard of it.
"""

from typing import Final

from msgspec import Struct

from headrace.polling.budget import BUCKETS, DAY, YEAR, Budget, Counts, Limits, Spent
from headrace.polling.records import Spending

SECONDS: Final = 10.0
SHARE: Final = 100
"""A hundredth of a long budget is written ahead: so much of it may be lost to a crash."""


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


def renewed(limits: Limits, now: float) -> Lease:
    """Give a new lease."""
    smallest = min((most for most in (limits.per_day, limits.per_year) if most), default=0)
    return Lease(max(1, smallest // SHARE) if smallest else None, now + SECONDS)


def written(spent: Spent, lease: Lease, now: float) -> Spending:
    """Write what was spent, and what a lease allows, as if it had been."""
    return Spending(_with(spent.day, DAY, lease, now), _with(spent.year, YEAR, lease, now), lease.until)


def restored(limits: Limits, spending: Spending | None) -> Budget:
    """Make the budget of what was written: nothing begins while calls of a predecessor may fill the short window."""
    if spending is None:
        return Budget(limits)
    budget = Budget(limits, Spent(day=dict(spending.day), year=dict(spending.year)))
    budget.hold(spending.until + limits.window)
    return budget


def _with(counts: Counts, span: float, lease: Lease, now: float) -> Counts:
    if not lease.calls:
        return dict(counts)
    part = int(now / (span / BUCKETS))
    return counts | {part: counts.get(part, 0) + lease.calls}
