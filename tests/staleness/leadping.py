"""LeadPing: 300 calls in 60 s. Its lists say when rows were created, not when they changed; calls have a record each.

Which part of the list of all leads a turn reads is the feed's own plan (`tenant_cursor.py`).
"""

from typing import Final

import numpy as np

from headrace.poller.scheduler import Work
from headrace.providers.leadping.client import LIMITS
from headrace.providers.leadping.settings import LeadEventsSettings, TenantEventsSettings
from headrace.providers.leadping.tenant_cursor import TenantEventsCursor, TenantPlan, Window
from headrace.providers.leadping.wire import FEED, TENANT_FEED
from headrace.sdk.feed import Feed
from headrace.sdk.limits import CallLimits
from tests.staleness.load import DAY
from tests.staleness.model import EPOCH, Turn, Way, World
from tests.staleness.reading import hydrated, of_lead
from tests.unit.test_scheduler import Named


class LeadPing:
    """The platform and the feeds of one organization."""

    name: Final = "LeadPing"
    limits: CallLimits = LIMITS
    shares_ids: Final = True
    webhook_is_whole: Final = False
    history: Final = 7 * DAY
    _by_lead: Final = LeadEventsSettings()
    _tenant: Final = TenantEventsSettings()

    def __init__(self) -> None:
        self._at: Final = TenantEventsCursor()

    def feeds(self, way: Way) -> list[Feed]:
        """See Platform."""
        tenant = [Named(TENANT_FEED, every=self._tenant.every)] if way.discovery else []
        return [*tenant, Named(FEED, by_lead=True, every=self._by_lead.every)]

    def nudge(self, lead: int) -> Work:
        """See Platform."""
        return Work(FEED, str(lead))

    def turn(self, world: World, work: Work, now: float) -> Turn:
        """See Platform."""
        return self._all(world, now) if work.lead is None else self._lead(world, int(work.lead))

    def _lead(self, world: World, lead: int) -> Turn:
        """Read the list of a lead: as many pages as it has rows to look back to."""
        own, at = self._by_lead, 0.0
        for _ in range(1 + int(world.load.rows_a_day[lead] * own.look_back / DAY / own.page_size)):
            at = yield
        yield from hydrated(world, of_lead(world, lead), at)
        return False

    def _all(self, world: World, now: float) -> Turn:
        own = self._tenant
        plan = TenantPlan(self._at, own.look_back * 1000, own.page_size, _millis(now))
        for window in plan.windows():
            yield from self._window(world, plan, window)
        return False

    def _window(self, world: World, plan: TenantPlan, window: Window) -> Turn:
        """Read a window page by page, as far as the plan says; its token is the number of rows before the page."""
        load = world.load
        row, end = (int(n) for n in np.searchsorted(load.created, (_seconds(window.begin), _seconds(window.end))))
        row += int(window.token or 0)
        while True:
            at = yield
            last = min(row + plan.at.size, end)
            calls = yield from hydrated(world, np.arange(load.first[row], load.first[last]), at)
            window.token = str(int(window.token or 0) + last - row) if last < end else None
            row = last
            if not plan.page_read(_millis(at), calls) or window.token is None:
                return False


def _millis(at: float) -> int:
    return int((EPOCH + at) * 1000)


def _seconds(millis: int) -> float:
    return millis / 1000 - EPOCH
