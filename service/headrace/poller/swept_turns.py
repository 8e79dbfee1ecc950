"""Which turns find only what discovery should have named before: their rows are marked, and counted if they are old."""

from collections.abc import Iterable
from typing import Final

from headrace.poller.clock import Clock
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState
from headrace.poller.tenant_orders import TenantOrders
from headrace.sdk.feed import Feed

DISCOVERS_SECONDS: Final = 900.0
"""A tenant feed that was read to its end within so long names the leads that have news."""


class SweptTurns:
    """Knows the turns of one tenant with these `feeds`."""

    def __init__(
        self, feeds: Iterable[Feed], *, scheduler: Scheduler, orders: TenantOrders, state: TenantState, clock: Clock
    ) -> None:
        self._tenant_feeds: Final = [feed.name for feed in feeds if not feed.by_lead]
        self._scheduler: Final = scheduler
        self._orders: Final = orders
        self._state: Final = state
        self._clock: Final = clock

    def __contains__(self, work: object) -> bool:
        """Return whether nothing named the lead of a turn, though it was read before and a tenant feed goes well."""
        if not isinstance(work, Work):
            return False
        lead = work.lead or ""
        if self._scheduler.kind_of(work) != "swept" or not self._state.read_at(work.feed, lead):
            return False
        fresh = self._clock.now() - DISCOVERS_SECONDS
        goes_well = any(self._state.read_at(feed, "") / 1000 > fresh for feed in self._tenant_feeds)
        return goes_well and self._orders.rewind(work.feed, lead) is None
