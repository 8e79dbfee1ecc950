"""The feed `lead-events`: the events of one lead, each as a bundle of row, detail and call."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal

from headrace.providers.leadping import wire
from headrace.providers.leadping.hydrate import EventHead, hydrate, read_head
from headrace.providers.leadping.pager import LeadPingPager, created
from headrace.providers.leadping.settings import LeadEventsSettings, LeadPingSettings
from headrace.sdk.feed import Api, Feed, Sighting, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent, Tenant
from headrace.sdk.settings import settings_of
from headrace_events import Via

_LONGEST_CALL_MS: Final = 2 * 3_600_000
"""After so long a call that never ended counts as ended. Until then it is asked for in every turn: a call may move on
while its row stays as it is."""


def feeds(settings: Tenant) -> Sequence[Feed]:
    """Return the one feed there is: it is read for every lead that is watched."""
    return (LeadEventsFeed(settings_of(settings, LeadPingSettings).lead_events),)


class LeadEventsFeed:
    """Reads one lead's list from where it stands, and hydrates what is new or changed in it."""

    name: str = wire.FEED
    by_lead: bool = True

    def __init__(self, settings: LeadEventsSettings) -> None:
        self.every = settings.every
        self._settings: Final = settings

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read a lead, then the event that a nudge named where the list did not bring it. Raises `Fault`.

        A turn without a lead reads that event alone, and yields no cursor.
        """
        wanted = turn.event
        pager = LeadPingPager(turn.lead, self._settings, cursor) if turn.lead is not None else None
        while pager is not None and not pager.whole:
            skipped: Counter[Literal["outside", "unchanged", "repeated"]] = Counter()
            for row in await pager.page(api):
                head = read_head(row)
                named = head is not None and head.id == wanted
                reason = None if named else pager.skips(row, head)
                if reason is None:
                    yield await self._hydrated(api, pager, row, head)
                else:
                    skipped[reason] += 1
                wanted = None if named else wanted
            for reason, count in skipped.items():
                yield Skipped(reason, count)
            yield pager.cursor()
        if wanted:
            for found in await self._event(api, wanted, turn.lead):
                yield found

    async def _hydrated(self, api: Api, pager: LeadPingPager, row: bytes, head: EventHead | None) -> RawEvent:
        """Put a row together with what belongs to it; one without a readable id goes to raw as it is."""
        found = await hydrate(api, head.id, row, head) if head else None
        if found is None or found.settled or (created(head) or 0) < pager.begun - _LONGEST_CALL_MS:
            pager.keep(row, head)
        return _raw(api, found.value, wire.BUNDLE) if found else _raw(api, row, wire.ROW)

    async def _event(self, api: Api, event: str, lead: str | None) -> list[Yield]:
        """Read one event that stands in no list that we read: its lead is watched from now on."""
        found = await hydrate(api, event, None, None)
        if found is None:
            return []
        raw = _raw(api, found.value, wire.ROWLESS)
        return [raw, Sighting(found.lead)] if found.lead and lead is None else [raw]


def _raw(api: Api, value: bytes, shape: str) -> RawEvent:
    return RawEvent(provider=wire.NAME, tenant=api.tenant, shape=shape, value=value, via=Via.POLL, received=api.now)
