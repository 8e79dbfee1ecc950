"""Add to an activity what only some shapes carry: people, texts, places, links, and the rest for `native.extra`."""

from typing import Final

from headrace.core import values
from headrace.core.mapping import Row
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.translate import notes
from headrace.providers.leadsquared.translate.custom_fields import NOTE, Content, text
from headrace.providers.leadsquared.translate.decode import DecodedActivity
from headrace.providers.leadsquared.translate.people import who_did
from headrace.providers.leadsquared.wire import Fields
from headrace_events import Actor, Client, Data, Parties, Party

_GUID: Final = 36
_CODE: Final = 5  # digits of an opportunity's code, 12000 to 12999


def add(data: Data, row: Row, activity: DecodedActivity, found: Content, creator: str | None) -> None:
    """Complete a draft's data."""
    pairs = activity.pairs
    if data.title is None:
        data.title = activity.name
    name = activity.creator
    if pairs and row.actor != "lead":
        name = name or text(pairs.pop("CreatedByName", None))
    _place_texts(data, activity, found)
    if opportunity := opportunity_of(data, activity):
        data.refs = {**(data.refs or {}), "opportunity": opportunity}
    data.actor = _actor(data, row, activity, creator, name)
    if data.category == "call":
        _call(data, pairs, found.pairs)
    if activity.latitude is not None or activity.longitude is not None:
        data.client = _client(activity)
    if row.fields:
        data.fields = {**row.fields, **(data.fields or {})}
    if found.originals is not None:
        activity.extra |= found.originals
    data.native.extra = activity.extra or None
    data.fields = data.fields or None
    data.refs = data.refs or None


def opportunity_of(data: Data, activity: DecodedActivity) -> str | None:
    """Return the opportunity that an activity belongs to: one of a code from 12000 to 12999 is one itself."""
    if activity.code[:2] == "12" and len(activity.code) == _CODE and "/" not in activity.id:
        return data.native.id
    return one_guid(activity.opportunity) or None if activity.opportunity else None


def _place_texts(data: Data, activity: DecodedActivity, found: Content) -> None:
    """Place note and `Data`: a description is the text before a note, what has no place goes to extra."""
    typed = found.typed
    if data.text is None:
        data.text = typed
    elif typed is not None and typed != data.text:
        _keep_note(data, found)
    for key, value in activity.pairs.items():
        if value is None or value == "" or (key == "EventName" and value == activity.name):
            continue
        if type(value) is not str:
            activity.extra[f"Data.{key}"] = notes.without_nulls(value)
        elif key == "NotableEventDescription" and (data.text is None or data.text == typed):
            data.text = value
            if typed is not None and typed != value:
                _keep_note(data, found)
        elif key == "Comment" and data.text is None:
            data.text = value
        else:
            activity.extra[f"Data.{key}"] = value


def _keep_note(data: Data, found: Content) -> None:
    """Keep a note that is not the text; a packed one stands among the fields already."""
    if not found.pairs and found.typed is not None:
        data.fields = {**(data.fields or {}), NOTE: found.typed}


def _actor(data: Data, row: Row, activity: DecodedActivity, creator: str | None, name: str | None) -> Actor | None:
    """Return who did it: the lead where the row says so, else the user who made the record."""
    if row.actor == "lead":
        if creator:
            activity.extra["CreatedBy"] = creator
        if name:
            activity.extra["CreatedByName"] = name
        return Actor("lead", (data.refs or {}).get("lead"))
    other = activity.extra.get("Data.CreatedBy")  # a name in the platform's own rows
    if isinstance(other, str):
        if _is_guid(other):
            creator = creator or activity.extra.pop("Data.CreatedBy")
        elif name in {None, other}:
            name = activity.extra.pop("Data.CreatedBy")
    who = who_did(creator, name)
    if who is None or row.actor is None:
        return who if row.actor is None else Actor(row.actor)
    return Actor(row.actor, who.id, who.name)


def _is_guid(value: str) -> bool:
    return len(value) == _GUID and value.count("-") == 4  # noqa: PLR2004  (it has five groups)


def _call(data: Data, pairs: Fields, note: Fields) -> None:
    """Add a call's recording, its numbers, and its length where no field has it."""
    if data.urls is None or "recording" not in data.urls:
        recording = values.url(note.get("ResourceURL")) or values.url(pairs.get("ResourceUrl"))
        if recording is not None:
            data.urls = {**(data.urls or {}), "recording": recording}
    if data.duration_seconds is None:
        data.duration_seconds = values.duration(pairs.get("Duration"))
    source = note.get("SourceData")
    if isinstance(source, dict):
        ends = [values.address(source.get(key)) for key in ("SourceNumber", "DestinationNumber")]
        if any(ends):
            data.parties = Parties(*(Party(address=end) if end else None for end in ends))


def _client(activity: DecodedActivity) -> Client | None:
    """Return the place, where it is one."""
    lat, lon = values.degrees(activity.latitude, 90), values.degrees(activity.longitude, 180)
    if lat is not None and lon is not None:
        return Client(lat=lat, lon=lon)
    places = (("Latitude", activity.latitude), ("Longitude", activity.longitude))
    activity.extra |= {key: value for key, value in places if value is not None and value != ""}
    return None
