"""The feed `lead-events`: the events of one lead, each as a bundle of row, detail and call.

The parts are read one after the other, and the platform may move on in between. A bundle of two states would come out
as a version of its own, under the number of the next one. So where detail or call are further than the row, the page is
read once more behind them: a row that is still the same belongs to them, one that moved is put together anew.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.providers.leadping import wire
from headrace.providers.leadping.hydrate import EventHead, HydratedEvent, hydrate, read_head
from headrace.providers.leadping.pager import LeadPingPager, created, rewound
from headrace.providers.leadping.settings import LeadEventsSettings, LeadPingSettings
from headrace.sdk.faults import Incomplete
from headrace.sdk.feed import Api, Feed, Sighting, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent, Tenant
from headrace.sdk.settings import settings_of
from headrace_events import Via

_LONGEST_CALL_MS: Final = 2 * 3_600_000
"""After so long a call that never ended counts as ended. Until then it is asked for in every turn: a call may move on
while its row stays as it is."""
_LOOKS: Final = 3
"""So often one turn looks whether a row stays: one that moves faster comes as it was read last."""


_Skipped: TypeAlias = defaultdict[Literal["outside", "unchanged", "repeated"], list[bytes]]


class _HydratedRow(Struct, frozen=True):
    """A row of the list and what belongs to it; nothing belongs to a row without a readable id."""

    row: bytes
    head: EventHead | None
    event: HydratedEvent | None

    @property
    def torn(self) -> bool:
        """Whether it may be of two states."""
        return self.event is not None and self.event.torn


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

    def rewound(self, since: int) -> bytes:
        """See Feed."""
        return rewound(since)

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read a lead, then the event that a nudge named where the list did not bring it. Raises `Fault`.

        A turn without a lead reads that event alone, and yields no cursor.
        """
        wanted = turn.event
        pager = None
        if turn.lead is not None:
            pager = LeadPingPager(turn.lead, self._settings, cursor, turn.around)
        while pager is not None and not pager.whole:
            skipped: _Skipped = defaultdict(list)
            torn: list[_HydratedRow] = []
            rows = await pager.page(api)
            async for found in _put_together(api, pager, _news(pager, rows, wanted, skipped)):
                if found.torn:
                    torn.append(found)
                else:
                    yield _taken(api, pager, found)
            wanted = None if any(_names(row, wanted) for row in rows) else wanted
            for found in await _whole(api, pager, torn):
                yield _taken(api, pager, found)
            for reason, rows in skipped.items():
                yield Skipped(reason, wire.ROW, rows)
            yield pager.cursor()
        if wanted:
            for item in await _event(api, wanted, turn.lead):
                yield item
        if pager is not None:
            pager.refuse_waiting()


def _news(pager: LeadPingPager, rows: Sequence[bytes], wanted: str | None, skipped: _Skipped) -> Iterator[bytes]:
    """Yield the rows that need hydrating, each judged by what is known when its turn comes."""
    for row in rows:
        reason = None if _names(row, wanted) else pager.skips(row, read_head(row))
        if reason is None:
            yield row
        else:
            skipped[reason].append(row)


def _names(row: bytes, event: str | None) -> bool:
    head = read_head(row) if event else None
    return head is not None and head.id == event


async def _put_together(api: Api, pager: LeadPingPager, rows: Iterator[bytes]) -> AsyncIterator[_HydratedRow]:
    """Yield rows with what belongs to them; those that lack a part once more where others have come meanwhile.

    What still lacks one waits. Raises `Fault`.
    """
    late: list[bytes] = []
    others_came = False
    for row in rows:
        found = await _hydrated(api, row)
        if found is None:
            late.append(row)
        else:
            others_came = True
            yield found
    for row in late:
        found = await _hydrated(api, row) if others_came else None
        if found is None:
            pager.wait()
        else:
            yield found


async def _hydrated(api: Api, row: bytes) -> _HydratedRow | None:
    """Put a row and its parts together; None where it is to wait for one of them. Raises `Fault`."""
    head = read_head(row)
    try:
        return _HydratedRow(row, head, await hydrate(api, head.id, row, head) if head else None)
    except Incomplete:
        return None


async def _whole(api: Api, pager: LeadPingPager, torn: list[_HydratedRow]) -> list[_HydratedRow]:
    """Return torn rows of the last page, put together anew where they moved on. Raises `Fault`."""
    whole: list[_HydratedRow] = []
    for _ in range(_LOOKS):
        if not torn:
            break
        now = {head.id: row for row in await pager.again(api) if (head := read_head(row))}
        looked_at, torn = torn, []
        for known in looked_at:
            row = now.get(known.head.id, known.row) if known.head else known.row
            found = known if row == known.row else await _hydrated(api, row)
            if found is None:
                pager.wait()
            else:
                (torn if found is not known and found.torn else whole).append(found)
    return whole + torn


async def _event(api: Api, event: str, lead: str | None) -> list[Yield]:
    """Return one event that stands in no list that was read: its lead is watched from now on. Raises `Fault`.

    Its detail is what is read first, so where the call is further the detail is looked at again.
    """
    found = await hydrate(api, event, None, None)
    for _ in range(_LOOKS):
        if found is None or not found.torn:
            break
        again = await hydrate(api, event, None, None)
        if again is None or again.detail == found.detail:
            break
        found = again
    if found is None:
        return []
    raw = _raw(api, found.value, wire.ROWLESS)
    return [raw, Sighting(found.lead)] if found.lead and lead is None else [raw]


def _taken(api: Api, pager: LeadPingPager, found: _HydratedRow) -> RawEvent:
    """Know a row from now on, and return its bundle; one without a readable id goes to raw as it is."""
    event = found.event
    if event is None or event.settled or (created(found.head) or 0) < pager.begun - _LONGEST_CALL_MS:
        pager.keep(found.row, found.head)
    return _raw(api, event.value, wire.BUNDLE) if event else _raw(api, found.row, wire.ROW)


def _raw(api: Api, value: bytes, shape: str) -> RawEvent:
    return RawEvent(provider=wire.NAME, tenant=api.tenant, shape=shape, value=value, via=Via.POLL, received=api.now)
