"""The feeds that there are, and `lead-activities`: all activities of one lead, those that are new or changed.

A turn reads all pages of its lead. Retrieve takes neither a window nor an order, an edit changes a row wherever it
stands, and only the whole list can be counted against RecordCount. It costs a call for every `page_size` rows; what is
not new is known by its digest and not appended. https://apidocs.leadsquared.com/get-activities-of-a-lead/
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.code_feed import ActivitiesByCodeFeed
from headrace.providers.leadsquared.lead_span import read_span
from headrace.providers.leadsquared.modified_leads import ModifiedLeadsFeed
from headrace.providers.leadsquared.nudge import APART_MS
from headrace.providers.leadsquared.offset_detection import Offsets
from headrace.providers.leadsquared.pager import LeadSquaredPager, Shortfall
from headrace.providers.leadsquared.reading import Reading, rewound
from headrace.providers.leadsquared.settings import LeadActivitiesSettings, LeadSquaredSettings
from headrace.sdk.faults import Fault, Incomplete
from headrace.sdk.feed import Api, Feed, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent, Tenant
from headrace.sdk.settings import settings_of
from headrace_events import Via


def feeds(settings: Tenant) -> Sequence[Feed]:
    """Return the feeds that are switched on: that of each lead, and the two that find what is new."""
    own = settings_of(settings, LeadSquaredSettings)
    there: tuple[Feed, ...] = (
        LeadActivitiesFeed(own.lead_activities),
        ActivitiesByCodeFeed(own.activities_by_code),
        ModifiedLeadsFeed(own.modified_leads),
    )
    return [feed for feed in there if not own.feeds or feed.name in own.feeds]


class LeadActivitiesFeed:
    """Reads the activities of one lead from the first to the last."""

    name: str = wire.FEED
    by_lead: bool = True

    def __init__(self, settings: LeadActivitiesSettings) -> None:
        self.every = settings.every
        self.apart = APART_MS
        self._settings: Final = settings

    def rewound(self, since: int, before: bytes) -> bytes:
        """See Feed."""
        return rewound(since, before, self._settings.look_back * 1000)

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read a lead; a turn without one has nothing to read.

        Raises `Fault` behind what came before it, `Incomplete` behind the cursor of a reading that is not whole.
        """
        if turn.lead is not None:
            reads_on = turn.span is None
            things = self._read_on(api, turn.lead, cursor) if reads_on else read_span(api, cursor, turn, self._settings)
            async for thing in things:
                yield thing

    async def _read_on(self, api: Api, lead: str, cursor: bytes) -> AsyncIterator[Yield]:
        reading = Reading(cursor, api.now, self._settings.look_back * 1000)
        offsets = Offsets(api)
        for code, short in zip(self._settings.codes or (None,), reading.short_before, strict=False):
            pager = LeadSquaredPager(api, lead, code, self._settings, offsets)
            failure = await _failure(pager, short, search=reading.search)
            for row in reading.news(pager):
                yield _raw(api, row)
            if reading.unchanged:
                yield Skipped("unchanged", wire.LEAD_ACTIVITY, reading.unchanged)
            if reading.outside:
                yield Skipped("outside", wire.LEAD_ACTIVITY, reading.outside)
            if failure:
                if reading.brought:
                    yield reading.broken_off()
                raise failure
        covering, left_out = reading.finished()
        for number in range(left_out):
            api.leave_out("activity", f"{lead}/{number}")
        yield covering
        if reading.shortfall:
            raise Incomplete(reading.shortfall)


async def _failure(pager: LeadSquaredPager, short: Shortfall | None, *, search: bool) -> Fault | None:
    """Read a code; return what ended it before its time."""
    try:
        await pager.read(short, search=search)
    except Fault as fault:
        return fault
    return None


def _raw(api: Api, row: bytes) -> RawEvent:
    return RawEvent(
        provider=wire.NAME, tenant=api.tenant, shape=wire.LEAD_ACTIVITY, value=row, via=Via.POLL, received=api.now
    )
