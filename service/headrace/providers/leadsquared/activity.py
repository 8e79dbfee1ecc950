"""Translate an activity: from the one form of `read` to a draft.

First comes what all four shapes carry, and the meaning is taken from that alone; then what only some carry is added.
Which is which, and how sure that is, stands in README.md under "Meaning".
"""

from typing import Any, Final

from headrace.lift import lift
from headrace.mapping import Mapping, Row
from headrace.providers.base import UNPUBLISHED, Draft, Dropped, Nudge, RawEvent
from headrace.providers.leadsquared import notes, wire
from headrace.providers.leadsquared.identity import DELETED, MIRROR, guid
from headrace.providers.leadsquared.read import Told, activity
from headrace.providers.leadsquared.times import canonical, said, same
from headrace_events import Actor, Change, Client, Data, Native, Parties, Party

FEED: Final = "lead-activities"
TABLE: Final = "event"
NOTE: Final = "ActivityEvent_Note"
_CHANGED: Final = ("Stage", "Owner")
_OPPORTUNITIES: Final = range(12000, 13000)


class Packed:
    """The note and the objects inside strings of one activity, decoded."""

    __slots__ = ("fields", "free", "note", "originals", "pairs")

    def __init__(self, told: Told) -> None:
        fields = told.fields
        webhook_note = fields.pop("Note", None)
        self.note: Any = fields.pop(NOTE, None) or webhook_note
        self.originals: dict[str, Any] = {}
        self.fields: wire.Fields = {}
        self.pairs: wire.Fields = {}
        self.free: str | None = None
        if isinstance(self.note, str) and self.note:
            self._unpack(self.note)
        elif self.note not in (None, ""):
            self.originals[NOTE] = self.note

    def _unpack(self, note: str) -> None:
        if not notes.is_packed(note):
            self.free = note
            return
        self.originals[NOTE] = note
        self.pairs = notes.unpack(note)
        self.free = _text(self.pairs.get("CallNotes")) or _text(self.pairs.get("EventNote"))

    def keep(self, told: Told) -> None:
        """Take over the fields that say something, objects inside strings decoded."""
        kept, originals = self.fields, self.originals
        for key, value in told.fields.items():
            if value is None or value == "":
                continue
            if type(value) is str:
                if value[0] in "{[":
                    decoded = notes.said(value)
                    if decoded is not value and not notes.is_faithful(value, decoded):
                        originals[key] = value
                    kept[key] = decoded
                else:
                    kept[key] = value
            else:
                kept[key] = notes.without_nulls(value) if type(value) in {dict, list} else value


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Give the draft of an activity. Raises `Undecodable`, or what msgspec raises."""
    told = activity(raw)
    if told.code == MIRROR:
        return Dropped("mirror", MIRROR)
    created = said(told.created, "$.CreatedOn")
    revised = said(told.modified, "$.ModifiedOn")
    fields = told.fields
    status, owner, creator = (_text(fields.pop(key, None)) for key in ("Status", "Owner", "CreatedBy"))
    packed = Packed(told)
    status = status or _text(packed.pairs.get("Status"))
    packed.keep(told)
    row = _row(told, mapping, status, raw.hint, first=revised is None or revised == created)
    data = _data(raw, told, row, status, revised)
    if created is not None:
        data.times = {"created": created}
    _refer(data, told, owner)
    free = packed.free or (_text(told.pairs.get("NotableEventDescription")) if told.fields else None)
    _lift(data, row, told, packed)
    meaning = _meaning(data, created, status, free)
    _add(data, row, told, packed, creator)
    subject = _subject(data)
    nudge = Nudge(FEED, lead=data.refs["lead"]) if revised is None and data.refs and "lead" in data.refs else None
    return Draft(row=row, subject=subject, time=created, data=data, meaning=meaning, traffic=row.traffic, nudge=nudge)
