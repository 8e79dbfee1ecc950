"""The feed `lead-events`: the events of one lead, each as a bundle of row, detail and call."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Final, Literal

from headrace.providers.leadping import cut
from headrace.providers.leadping.hydrate import Told, bundle, read
from headrace.providers.leadping.pager import Reading, created
from headrace.providers.leadping.settings import LeadEvents
from headrace.providers.leadping.translate.activity import FEED
from headrace.sdk.feed import Api, Sighting, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent
from headrace_events import Via

_CALLS_LAST: Final = 2 * 3_600_000
"""Milliseconds after which a call that never ended is taken for over. Until then it is asked for in every turn: a call
may move on while its row stays as it is."""


class LeadEventsFeed:
    """Reads one lead's list from where it stands, and hydrates what is new or changed in it."""

    name: str = FEED
    by_lead: bool = True

    def __init__(self, provider: str, settings: LeadEvents) -> None:
        self.every = settings.every
        self._provider: Final = provider
        self._settings: Final = settings

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read a lead, then the event that a nudge named where the list did not bring it. Raises `Fault`.

        A turn without a lead reads that event alone, and yields no cursor.
        """
        wanted = turn.event
        reading = Reading(turn.lead, self._settings, cursor) if turn.lead is not None else None
        while reading is not None and not reading.whole:
            skipped: Counter[Literal["outside", "unchanged", "repeated"]] = Counter()
            for row in await reading.page(api):
                told = read(row)
                named = told is not None and told.id == wanted
                reason = None if named else reading.skips(row, told)
                if reason is None:
                    yield await self._hydrated(api, reading, row, told)
                else:
                    skipped[reason] += 1
                wanted = None if named else wanted
            for reason, count in skipped.items():
                yield Skipped(reason, count)
            yield reading.cursor()
        if wanted:
            for found in await self._event(api, wanted, turn.lead):
                yield found

    async def _hydrated(self, api: Api, reading: Reading, row: bytes, told: Told | None) -> RawEvent:
        """Put a row together with what belongs to it; one without a readable id goes to raw as it is."""
        found = await bundle(api, told.id, row, told) if told else None
        if found is None or found.settled or (created(told) or 0) < reading.begun - _CALLS_LAST:
            reading.keep(row, told)
        return self._raw(api, found.value, cut.BUNDLE) if found else self._raw(api, row, cut.ROW)

    async def _event(self, api: Api, event: str, lead: str | None) -> list[Yield]:
        """Read one event that stands in no list that we read: its lead is watched from now on."""
        found = await bundle(api, event, None, None)
        if found is None:
            return []
        raw = self._raw(api, found.value, cut.ROWLESS)
        return [raw, Sighting(found.lead)] if found.lead and lead is None else [raw]

    def _raw(self, api: Api, value: bytes, shape: str) -> RawEvent:
        return RawEvent(
            provider=self._provider, tenant=api.tenant, shape=shape, value=value, via=Via.POLL, received=api.now
        )
