"""Put the rows of a page and their parts together, whichever list they are of.

The parts are read one after the other, and the platform may move on in between. A bundle of two states would come out
as a version of its own, under the number of the next one. So where detail or call are further than the row, the page is
read once more behind them: a row that is still the same belongs to them, one that moved is put together anew.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Final, Protocol

from msgspec import Struct

from headrace.providers.leadping import wire
from headrace.providers.leadping.hydrate import EventHead, HydratedEvent, hydrate, read_head
from headrace.providers.leadping.pager import created
from headrace.sdk.faults import Incomplete
from headrace.sdk.feed import Api, Sighting, Yield
from headrace.sdk.provider import RawEvent
from headrace_events import Via

_LONGEST_CALL_MS: Final = 2 * 3_600_000
"""After so long a call that never ended counts as ended. Until then it is asked for: a call may move on while its row
stays as it is."""
_LOOKS: Final = 3
"""So often one turn looks whether a row stays: one that moves faster comes as it was read last."""


class HydratedRow(Struct, frozen=True):
    """A row of a list and what belongs to it: nothing to a row that lacks nothing, or without a readable id."""

    row: bytes
    head: EventHead | None
    event: HydratedEvent | None

    @property
    def torn(self) -> bool:
        """Whether it may be of two states."""
        return self.event is not None and self.event.torn

    @property
    def lead(self) -> str | None:
        """The lead that its row names, or its detail."""
        named = self.head.lead_id if self.head else None
        return named or (self.event.lead if self.event else None)

    def is_open(self, now: int) -> bool:
        """Return whether its parts may move on while its row stays as it is; `now` is in ms since the epoch."""
        settled = self.event is None or self.event.settled
        return not settled and may_be_open(created(self.head) or 0, now)

    def raw(self, api: Api) -> RawEvent:
        """Return its bundle, or the row as it is."""
        return _raw(api, self.event.value, wire.BUNDLE) if self.event else _raw(api, self.row, wire.ROW)


def may_be_open(made: int, now: int) -> bool:
    """Return whether a call that was created then (ms) may go on."""
    return made >= now - _LONGEST_CALL_MS


class PageOfRows(Protocol):
    """The page that rows are of. `whole_bundles`: each row gets its detail, whether it lacks something or not."""

    whole_bundles: bool

    async def again(self, api: Api) -> list[bytes]:
        """Return its rows as they are now. Raises `Fault`."""

    def wait(self, row: bytes) -> None:
        """Let a row wait for one of its parts."""


async def put_together(api: Api, page: PageOfRows, rows: Iterator[bytes]) -> AsyncIterator[HydratedRow]:
    """Yield rows with what belongs to them; those that lack a part once more where others have come meanwhile.

    What still lacks one waits. Those that may be of two states come last, as they are when the page is read again.
    Raises `Fault`.
    """
    torn: list[HydratedRow] = []
    late: list[bytes] = []
    others_came = False
    for row in rows:
        found = await _hydrated(api, page, row)
        if found is None:
            late.append(row)
            continue
        others_came = True
        if found.torn:
            torn.append(found)
        else:
            yield found
    for row in late:
        found = await _hydrated(api, page, row) if others_came else None
        if found is None:
            page.wait(row)
        elif found.torn:
            torn.append(found)
        else:
            yield found
    for found in await _of_one_state(api, page, torn):
        yield found


async def read_event(api: Api, event: str, lead: str | None) -> list[Yield]:
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


async def _hydrated(api: Api, page: PageOfRows, row: bytes) -> HydratedRow | None:
    """Put a row and its parts together; None where it is to wait for one of them. Raises `Fault`."""
    head = read_head(row)
    with_detail = page.whole_bundles or (head is not None and head.lacks_detail)
    if head is None or not (with_detail or head.has_call):
        return HydratedRow(row, head, None)
    try:
        return HydratedRow(row, head, await hydrate(api, head.id, row, head, with_detail=with_detail))
    except Incomplete:
        return None


async def _of_one_state(api: Api, page: PageOfRows, torn: list[HydratedRow]) -> list[HydratedRow]:
    """Return torn rows of the last page, put together anew where they moved on. Raises `Fault`."""
    whole: list[HydratedRow] = []
    for _ in range(_LOOKS):
        if not torn:
            break
        now = {head.id: row for row in await page.again(api) if (head := read_head(row))}
        looked_at, torn = torn, []
        for known in looked_at:
            row = now.get(known.head.id, known.row) if known.head else known.row
            found = known if row == known.row else await _hydrated(api, page, row)
            if found is None:
                page.wait(row)
            else:
                (torn if found is not known and found.torn else whole).append(found)
    return whole + torn


def _raw(api: Api, value: bytes, shape: str) -> RawEvent:
    return RawEvent(provider=wire.NAME, tenant=api.tenant, shape=shape, value=value, via=Via.POLL, received=api.now)
