"""Invented cursors and notes of feeds, as providers write them into records of `cursors`."""

from types import SimpleNamespace
from typing import Any, Final

from msgspec import Struct

from headrace.core.record import ProducerRecord
from headrace.providers.leadping import pager as lead_events, tenant_cursor, tenant_span
from headrace.providers.leadping.broken_moments import BrokenMoments
from headrace.providers.leadping.known_rows import KnownRows
from headrace.providers.leadsquared import (
    code_feed,
    code_spans,
    code_streams,
    lead_span,
    modified_leads,
    reading,
    stream,
)
from headrace.providers.leadsquared.pager import Shortfall
from headrace.providers.leadsquared.recent_leads import RecentLeads
from headrace.providers.leadsquared.windows import Place
from headrace.providers.outreach import pager as events
from headrace.providers.outreach.holes import Hole
from headrace.sdk.row_digests import Digests
from tests.formats.golden import PrivateFormat
from tests.formats.topics import AT

_ROWS: Final = (b'{"id":"t-1"}', b'{"id":"t-2"}')
_DIGESTS: Final = Digests()
for _one in _ROWS:
    _DIGESTS.add(_one)
_KNOWN: Final = _DIGESTS.packed()
_PLACE: Final = Place(AT, AT + 1, 2, 3, 4)
_WINDOW: Final = tenant_cursor.Window(AT, AT + 1, "next")
_SHORT: Final = (Shortfall(2, AT), None)

LEADPING: Final = {
    "lead-events": lead_events.LeadEventsCursor(AT, AT + 1, "next", _KNOWN, _KNOWN, _KNOWN, AT - 1),
    "tenant-events": tenant_cursor.TenantEventsCursor(
        "my",
        AT,
        _WINDOW,
        [tenant_cursor.Level(AT, AT + 1, _WINDOW)],
        [7],
        AT + 2,
        8,
        9,
        10,
        BrokenMoments([AT], [AT + 1]),
    ),
    "tenant-events span": tenant_span.SpanCursor(AT, _WINDOW, _KNOWN, 2, 3),
}
LEADSQUARED: Final = {
    "lead-activities": reading.LeadActivitiesCursor(AT, _KNOWN, _SHORT, reading.Lost(1, 2, AT), AT - 1),
    "lead-activities span": lead_span.LeadSpanCursor(_SHORT, 2, AT, "2 rows"),
    "activities-by-code": code_feed.ByCodeCursor(AT, oldest=True, rewind=AT - 1),
    "activities-by-code span": code_spans.CodeSpanCursor(
        [203], "CreatedOn", _PLACE, _KNOWN, 1, {203: 2}, {203: AT}, {203: 3}, "500", 204
    ),
    "modified-leads": modified_leads.ModifiedLeadsCursor(AT, _PLACE, AT + 1, 2, (3, AT), _KNOWN),
    "stream": stream.StreamState(
        AT,
        AT + 1,
        _PLACE,
        AT + 2,
        1,
        AT + 3,
        AT + 4,
        2,
        sweeping=True,
        bar=AT - 9,
        rate=0.5,
        lacking=3,
        short=(4, AT),
        hides=AT + 5,
        failures=5,
        rests=AT + 6,
        reason="500",
        known=_KNOWN,
    ),
    "catalogue": code_streams.Catalogue((203, 204), AT, AT + 1),
}
OUTREACH: Final = {
    "events": events.EventsCursor(
        AT,
        AT - 1,
        AT + 1,
        (("page[after]", "x"),),
        AT + 2,
        3,
        sweeping=True,
        size=4,
        good=5,
        known=_KNOWN,
        holes=(Hole(AT), Hole(AT + 1, left=True)),
    )
}
_CODECS: Final[dict[str, Any]] = {
    "lead-events": lead_events,
    "tenant-events": tenant_cursor,
    "tenant-events span": tenant_span,
    "lead-activities": reading,
    "lead-activities span": lead_span,
    "activities-by-code": code_feed,
    "activities-by-code span": code_spans,
    "modified-leads": modified_leads,
    "stream": stream,
    "catalogue": code_streams,
    "events": events,
}
_NAME_OF: Final = {type(one): name for values in (LEADPING, LEADSQUARED, OUTREACH) for name, one in values.items()}


def _write(cursor: Struct) -> ProducerRecord:
    """Write with the module's own encoder: one of the three spellings that they have."""
    name = _NAME_OF[type(cursor)]
    module = _CODECS[name]
    encode = getattr(module, "_encode", None) or module.encode
    return ProducerRecord(name.encode(), encode(cursor), [])


def _read(out: ProducerRecord) -> Any:
    return _CODECS[out.key.decode()]._decode(out.value)


def _written_rows(which: str) -> ProducerRecord:
    """Return the packed note of rows or leads, by the name of the class that packs it."""
    if which == "rows by digest":
        packed = _KNOWN
    elif which == "recent leads":
        leads = RecentLeads()
        leads.add("l-1", AT)
        packed = leads.packed()
    else:
        rows = KnownRows(_api(b""), 0)
        rows.add(_ROWS[0], None, AT)
        rows.add(_ROWS[1], None, AT, is_open=True)
        (note,) = rows.notes()
        return ProducerRecord(f"{which}\0{note.key}".encode(), note.value, [])
    return ProducerRecord(which.encode(), packed, [])


def _read_rows(out: ProducerRecord) -> str:
    """Return the name of what a note holds, if all of it is found there and nothing else."""
    which = out.key.decode().partition("\0")[0]
    if which == "rows by digest":
        digests = Digests(out.value)
        found = [one in digests for one in (*_ROWS, b"other")] == [True, True, False]
    elif which == "recent leads":
        leads = RecentLeads(out.value)
        found = [leads.has("l-1", AT - 1000), leads.has("l-1", AT + 1000), leads.has("l-2", 0)] == [True, False, False]
    else:
        rows = KnownRows(_api(out.value), 0)
        states = [rows.state(one, None, AT) for one in (*_ROWS, b"other")]
        found = states == ["known", "open", "new"]
    return which if found else f"{which}, but not what was noted"


def _api(note: bytes) -> Any:
    """Stand in for what hands a feed its notes."""
    return SimpleNamespace(note=lambda _feed, _key: note)


_NOTES: Final = {name: name for name in ("rows by digest", "recent leads", "known rows")}
FEEDS: Final = (
    PrivateFormat("feeds-leadping", LEADPING, _write, _read),
    PrivateFormat("feeds-leadsquared", LEADSQUARED, _write, _read),
    PrivateFormat("feeds-outreach", OUTREACH, _write, _read),
    PrivateFormat("feeds-notes", _NOTES, _written_rows, _read_rows),
)
