"""The feed `events`: all events of an account, in the order of windows of createdAt."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from headrace.providers.outreach import cut as cutting
from headrace.providers.outreach.client import EVENTS
from headrace.providers.outreach.pager import Reading
from headrace.providers.outreach.settings import BASE_URL, Settings
from headrace.providers.outreach.translate.webhook_events import FEED
from headrace.providers.outreach.wire import NAME
from headrace.sdk.faults import Gone
from headrace.sdk.feed import Api, Call, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent
from headrace_events import Via


class EventsFeed:
    """Reads on to the platform's now, window by window."""

    name: str = FEED
    by_lead: bool = False

    def __init__(self, settings: Settings) -> None:
        self.every = settings.events.every
        self._settings: Final = settings.events
        self._host: Final = urlsplit(settings.base_url or BASE_URL).hostname

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read the event that a nudge named, then the list. Raises `Fault`."""
        if turn.event is not None:
            for raw in await self._single(api, turn.event):
                yield raw
        reading = Reading(self._settings, self._host, cursor)
        await reading.start(api)
        while reading.open:
            skipped: Counter[Literal["outside", "repeated"]] = Counter()
            for row in await reading.page(api):
                if not reading.holds(row):
                    skipped["outside"] += 1
                elif reading.known.add(row):
                    yield _raw(api, row)
                else:
                    skipped["repeated"] += 1
            for reason, count in skipped.items():
                yield Skipped(reason, count)
            yield reading.turn(api)

    async def _single(self, api: Api, event: str) -> list[RawEvent]:
        try:
            body = await api.call(single(event))
        except Gone:
            return []
        return [_raw(api, piece.value) for piece in cutting.cut(body, cutting.EVENT)]


def single(event: str) -> Call:
    """Ask for one event."""
    return Call(path=f"{EVENTS}/{quote(event, safe='')}")


def _raw(api: Api, row: bytes) -> RawEvent:
    return RawEvent(provider=NAME, tenant=api.tenant, shape=cutting.EVENT, value=row, via=Via.POLL, received=api.now)
