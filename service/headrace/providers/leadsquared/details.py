"""Add to an activity what only some shapes carry: people, texts, places, links, and the rest for `native.extra`."""

from typing import Any, Final

from headrace.mapping import Row
from headrace.providers.leadsquared import notes
from headrace.providers.leadsquared.content import NOTE, Content, text
from headrace.providers.leadsquared.read import Told
from headrace.providers.leadsquared.wire import Fields
from headrace_events import Actor, Client, Data, Parties, Party

_OPPORTUNITY: Final = range(12000, 13000)
_CODE_DIGITS: Final = 5
_GUID: Final = 36
_ELSEWHERE: Final = ("EventName", "CreatedByName", "CreatedBy", "NotableEventDescription", "Comment")
"""Pairs of `Data` that have a canonical home, or repeat one."""


def add(data: Data, row: Row, told: Told, found: Content, creator: str | None) -> None:
    """Complete a draft's data."""
    data.title = data.title or told.name or None
    _tell(data, told, found)
    extra = told.extra
    data.actor = _actor(data, row, told, creator)
    _point(data, told)
    for key, value in told.pairs.items():
        if value is not None and value != "" and key not in _ELSEWHERE:
            extra[f"Data.{key}"] = notes.without_nulls(value)
    if row.category == "call":
        _call(data, told, found)
    if told.latitude is not None or told.longitude is not None:
        data.client = _client(told)
    if row.fields:
        data.fields = {**row.fields, **(data.fields or {})}
    extra.update(found.originals)
    data.fields = data.fields or None
    data.native.extra = extra or None


def _tell(data: Data, told: Told, found: Content) -> None:
    """Choose the text: what the row lifted, the description, the note, the comment; what differs from it is kept."""
    typed = found.typed
    description = text(told.pairs.get("NotableEventDescription"))
    comment = text(told.pairs.get("Comment"))
    chosen = data.text = data.text or description or typed or comment
    if typed and typed != chosen and not found.pairs:
        data.fields = {**(data.fields or {}), NOTE: typed}
    if description and description != chosen:
        told.extra["Data.NotableEventDescription"] = description
    if comment and comment != chosen:
        told.extra["Data.Comment"] = comment


def _actor(data: Data, row: Row, told: Told, creator: str | None) -> Actor | None:
    """Name who did it: the lead where the row says so, else the user who made the record."""
    name = told.creator or text(told.pairs.get("CreatedByName"))
    if row.actor == "lead":
        told.extra |= _said(("CreatedBy", creator), ("CreatedByName", name))
        return Actor("lead", (data.refs or {}).get("lead"))
    other = text(told.pairs.get("CreatedBy"))  # a name in the platform's own rows
    if other and len(other) == _GUID and other.count("-") == 4:  # noqa: PLR2004  (a GUID has five groups)
        creator = creator or other
    else:
        name = name or other
    if other and other not in {creator, name}:
        told.extra["Data.CreatedBy"] = other
    if creator is None and name is None:
        return None if row.actor is None else Actor(row.actor)
    return Actor(row.actor or "user", creator and creator.lower(), name)


def _point(data: Data, told: Told) -> None:
    """Name the opportunity: an activity of a type from 12000 on is one itself."""
    code = told.code
    if len(code) == _CODE_DIGITS and code.isascii() and code.isdigit() and int(code) in _OPPORTUNITY:
        data.refs = {**(data.refs or {}), "opportunity": data.native.id}
    elif told.opportunity:
        data.refs = {**(data.refs or {}), "opportunity": told.opportunity.lower()}


def _call(data: Data, told: Told, found: Content) -> None:
    """Add a call's recording, its numbers, and its length where no field told it."""
    pairs, note = told.pairs, found.pairs
    recording = text(note.get("ResourceURL")) or text(pairs.get("ResourceUrl"))
    if recording and "recording" not in (data.urls or {}):
        data.urls = {**(data.urls or {}), "recording": recording}
    length = text(pairs.get("Duration"))
    if data.duration_seconds is None and length and length.isascii() and length.isdigit():
        data.duration_seconds = int(length)
    source = note.get("SourceData")
    if isinstance(source, dict):
        ends = [text(source.get(key)) for key in ("SourceNumber", "DestinationNumber")]
        if any(ends):
            data.parties = Parties(*(Party(address=end) if end else None for end in ends))


def _client(told: Told) -> Client | None:
    """Give the place, where it is one."""
    try:
        return Client(lat=float(told.latitude), lon=float(told.longitude))
    except (TypeError, ValueError, OverflowError):
        told.extra |= _said(("Latitude", told.latitude), ("Longitude", told.longitude))
        return None


def _said(*pairs: tuple[str, Any]) -> Fields:
    return {key: value for key, value in pairs if value is not None and value != ""}
