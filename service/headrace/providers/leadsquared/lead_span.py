"""Read of one lead what was created or changed in a span: its whole list, of which the rest is left out."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct

from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.offset_detection import Offsets
from headrace.providers.leadsquared.pager import LeadSquaredPager, Shortfall
from headrace.providers.leadsquared.rows import facts_of
from headrace.providers.leadsquared.settings import LeadActivitiesSettings
from headrace.sdk.faults import Incomplete
from headrace.sdk.feed import Api, Cursor, Turn, Yield
from headrace.sdk.provider import RawEvent
from headrace_events import Via

_TRIES: Final = 3
"""So often something did not come, and it is left out."""
_APART_MS: Final = 120_000
"""So long after a try the lead is tried again: what fails for a moment is not left out."""


class LeadSpanCursor(Struct, omit_defaults=True):
    """The cursor: what the list of each code lacked, and how the last of so many tries (`turns`) ended when (ms)."""

    short: tuple[Shortfall | None, ...] = ()
    turns: int = 0
    tried: int = 0
    lack: str = ""


_decode: Final = msgspec.json.Decoder(LeadSpanCursor).decode
_encode: Final = msgspec.json.Encoder().encode


async def read_span(api: Api, cursor: bytes, turn: Turn, settings: LeadActivitiesSettings) -> AsyncIterator[Yield]:
    """Yield the rows of a lead's span. Raises `Fault`; `Incomplete` behind a cursor, where not all came."""
    before = _decode(cursor) if cursor else LeadSpanCursor()
    if api.now - before.tried < _APART_MS:
        yield Cursor(cursor, more=True, whole=False)
        raise Incomplete(before.lack)
    offsets, lack, short = Offsets(api), "", list[Shortfall | None]()
    for number, code in enumerate(settings.codes or (None,)):
        pager = LeadSquaredPager(api, turn.lead or "", code, settings, offsets)
        await pager.read(before.short[number] if number < len(before.short) else None)
        short.append(pager.short)
        lack = lack or ("" if pager.whole else pager.shortfall)
        while pager.rows:
            row, _ = pager.rows.popitem()
            if turn.span is None or facts_of(row).is_in(turn.span):
                yield _raw(api, row)
    if lack and before.turns + 1 >= _TRIES:
        api.leave_out("activity", f"{turn.lead}/span")
        lack = ""
    after = LeadSpanCursor(tuple(short), before.turns + 1, api.now, lack)
    yield Cursor(_encode(after), more=bool(lack), whole=not lack)
    if lack:
        raise Incomplete(lack)


def _raw(api: Api, row: bytes) -> RawEvent:
    return RawEvent(
        provider=wire.NAME, tenant=api.tenant, shape=wire.LEAD_ACTIVITY, value=row, via=Via.POLL, received=api.now
    )
