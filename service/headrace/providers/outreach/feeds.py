"""The feed `events`: all events of an account, in the order of windows of createdAt."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

from headrace.providers.outreach import wire
from headrace.providers.outreach.client import event_call
from headrace.providers.outreach.cut import cut
from headrace.providers.outreach.pager import OutreachPager, apart, rewound
from headrace.providers.outreach.settings import BASE_URL, OutreachSettings
from headrace.sdk.faults import Gone
from headrace.sdk.feed import Api, Feed, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent, Tenant
from headrace.sdk.settings import settings_of
from headrace_events import Via


def feeds(settings: Tenant) -> Sequence[Feed]:
    """Return the one feed there is."""
    return (EventsFeed(settings_of(settings, OutreachSettings)),)


class EventsFeed:
    """Reads on to the platform's now, window by window."""

    name: str = wire.FEED
    by_lead: bool = False

    def __init__(self, settings: OutreachSettings) -> None:
        self.every = settings.events.every
        self.apart = apart(settings.events)
        self._settings: Final = settings.events
        self._host: Final = urlsplit(settings.base_url or BASE_URL).hostname

    def rewound(self, since: int, before: bytes) -> bytes:
        """See Feed."""
        return rewound(since, before)

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read the event that a nudge named, then the list; or its part around a fact, or of a span. Raises `Fault`."""
        if turn.event is not None:
            for raw in await self._single(api, turn.event):
                yield raw
        pager = OutreachPager(self._settings, self._host, cursor, turn.around, turn.span)
        for row in await pager.missed(api):
            if pager.known.add(row):
                yield _raw(api, row)
        await pager.start(api)
        while pager.open:
            skipped: defaultdict[Literal["outside", "repeated"], list[bytes]] = defaultdict(list)
            for row in await pager.page(api):
                if not pager.holds(row):
                    skipped["outside"].append(row)
                elif pager.known.add(row):
                    yield _raw(api, row)
                else:
                    skipped["repeated"].append(row)
            for reason, rows in skipped.items():
                yield Skipped(reason, wire.EVENT, rows)
            yield pager.advance(api)
        pager.refuse_waiting()

    async def _single(self, api: Api, event: str) -> list[RawEvent]:
        try:
            body = await api.call(event_call(event))
        except Gone:
            return []
        return [_raw(api, piece.value) for piece in cut(body, wire.EVENT)]


def _raw(api: Api, row: bytes) -> RawEvent:
    return RawEvent(provider=wire.NAME, tenant=api.tenant, shape=wire.EVENT, value=row, via=Via.POLL, received=api.now)
