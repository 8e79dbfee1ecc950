"""The feed `modified-leads`: which leads were changed, new ones too. It brings no row, it names leads to be read.

A lead that was changed is woken, unless the streams of activities brought a row of it that is not older than its
change: then that was its news. Where these are streams of codes, one of another code, like a stage change, may hide
behind it: such a lead is woken behind others. https://apidocs.leadsquared.com/get-leads-by-date-range/
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct, field

from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.activity_lists import body_of, listed
from headrace.providers.leadsquared.code_streams import FACT
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.offset_detection import Listed
from headrace.providers.leadsquared.recent_leads import NOTE, RecentLeads
from headrace.providers.leadsquared.rows import millis
from headrace.providers.leadsquared.settings import ModifiedLeadsSettings
from headrace.providers.leadsquared.windows import Ask, Place, WindowReader
from headrace.sdk.faults import Incomplete
from headrace.sdk.feed import Api, Call, Cursor, Sighting, Turn, Yield
from headrace.sdk.pages import Page, open_page
from headrace.sdk.row_digests import Digests

_PATH: Final = "/v2/LeadManagement.svc/Leads.RecentlyModified"
_COLUMNS: Final = {"Include_CSV": "ProspectID,ModifiedOn,CreatedOn"}
_PAGES: Final = 5
_FEW: Final = 25
_LASTING_MS: Final = 60_000


class ModifiedLeadsCursor(Struct, omit_defaults=True):
    """The cursor: times in milliseconds by the platform's clock.

    Up to `head` all is read. `place` is that of the reading that `begun` then (0: none), which `lacks` so many leads;
    `short` is what the reading before lacked, and since when. `known` are the changes that came last.
    """

    head: int = 0
    place: Place = field(default_factory=Place)
    begun: int = 0
    lacks: int = 0
    short: tuple[int, int] = (0, 0)
    known: bytes = b""


class _Property(Struct, rename="pascal", gc=False):
    attribute: str
    value: str | None = None


class _Lead(Struct, rename="pascal", gc=False):
    lead_property_list: list[_Property]


class _LeadsPage(Page, rename="pascal"):
    rows: Raw = field(name="Leads")
    record_count: int | None = None


_decode: Final = msgspec.json.Decoder(ModifiedLeadsCursor).decode
_encode: Final = msgspec.json.Encoder().encode
_page: Final = msgspec.json.Decoder(_LeadsPage, strict=False)
_lead: Final = msgspec.json.Decoder(_Lead).decode


class ModifiedLeadsFeed:
    """Reads the changes of leads on, or those of a span."""

    name: str = wire.LEADS
    by_lead: bool = False
    finds_leads_only: Literal[True] = True

    def __init__(self, settings: ModifiedLeadsSettings) -> None:
        self.every = settings.every
        self._settings: Final = settings

    def rewound(self, since: int, before: bytes) -> bytes:
        """See Feed."""
        at, since = _decode(before) if before else ModifiedLeadsCursor(), max(since, 1)
        head = at.head or at.place.at or since  # the first reading has no head, and has read up to its place
        return _encode(ModifiedLeadsCursor(head=min(head, since)))

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read some pages. Raises `Fault`; `Incomplete` where leads are counted and not shown."""
        at = _decode(cursor) if cursor else ModifiedLeadsCursor()
        if not at.begun:
            if not at.head and turn.span is None:
                await _asking(api)(api.now, api.now, 1, _FEW)  # a day ago by their clock, which is known with an answer
            self._begin(at, api.now, turn.span)
        known, recent = Digests(at.known), RecentLeads(api.note(wire.BY_CODE, NOTE))
        by_code = api.recall(FACT) != "yes"
        reader = WindowReader(at.place, _asking(api), size=self._settings.page_size, time_of=_time, name_of=_id)
        for _ in range(_PAGES):
            for row in await reader.page():
                changed, lead = _time(row) or 0, _id(row)
                if not lead:
                    at.lacks += 1
                elif (turn.span is None or changed < turn.span[1]) and known.add(f"{lead} {changed}".encode()):
                    brought = changed > 0 and recent.has(lead, changed)
                    yield Sighting(lead, changed, brought=brought, unsure=brought and by_code)
            at.lacks += reader.short
            if reader.cut:
                api.leave_out("lead", str(at.place.at))
            at.known = known.packed()
            if reader.done:
                break
            yield Cursor(_encode(at), more=True)
        lack = self._finish(at, api.now) if reader.done else ""
        yield Cursor(_encode(at), more=at.begun > 0, whole=not lack)
        if lack:
            raise Incomplete(lack)

    def _begin(self, at: ModifiedLeadsCursor, now: int, span: tuple[int, int] | None) -> None:
        at.begun, at.lacks = now, 0
        if span is not None:
            at.place.at, at.place.until = span
            return
        begin = at.head - self._settings.look_back * 1000 if at.head else now - self._settings.history * 1000
        at.place.at, at.place.until = min(begin, now - 1), now

    def _finish(self, at: ModifiedLeadsCursor, now: int) -> str:
        """Note the end of a reading; return what it lacks, "" where another turn lacked the same."""
        at.begun = 0
        since = at.short[1] if at.short[0] >= at.lacks else now
        at.short = (at.lacks, since) if at.lacks else (0, 0)
        if at.lacks and now - since < _LASTING_MS:
            return f"{at.lacks} leads that were changed are counted, and not shown"
        # Our clock may have been ahead of theirs when the reading began.
        at.head = max(at.head, min(at.place.until, now))
        return ""


def _asking(api: Api) -> Ask:
    async def ask(since: int, until: int, index: int, size: int) -> Listed:
        body = body_of((since, until), index, size, "ModifiedOn", Columns=_COLUMNS)
        page, rows = await open_page(_page, await api.call(Call(path=_PATH, method="POST", body=body)))
        return listed(page.record_count, rows)

    return ask


def _properties(row: bytes) -> dict[str, str]:
    try:
        found: Sequence[_Property] = _lead(row).lead_property_list
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {each.attribute: each.value for each in found if each.value}


def _id(row: bytes) -> str:
    """Return the lead that a row names, "" where none can be read."""
    return one_guid(_properties(row).get("ProspectID", ""))


def _time(row: bytes) -> int | None:
    """Return when a lead was changed, in milliseconds since the epoch."""
    return millis(_properties(row).get("ModifiedOn"))
