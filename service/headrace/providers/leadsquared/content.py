"""Open the custom fields of an activity: objects inside strings, and the note."""

from typing import Any, Final

from msgspec import Struct

from headrace.providers.leadsquared import notes
from headrace.providers.leadsquared.wire import Fields

NOTE: Final = "ActivityEvent_Note"
"""The note's name in API rows; webhooks call it Note."""


class Content(Struct, gc=False):
    """What the custom fields say.

    `fields` are those with a value, decoded; `pairs` the pairs of a packed note, `typed` what somebody typed;
    `originals` are the strings that say more than their decoded form (doubled keys, spacing), for `native.extra`.
    """

    fields: Fields
    pairs: Fields
    typed: str | None
    originals: Fields


def content(fields: Fields) -> Content:
    """Open custom fields, from which status, owner and creator are taken out already. Changes `fields`."""
    other = fields.pop("Note", None)
    note = fields.pop(NOTE, None) or other
    found = Content({}, {}, None, {})
    kept = found.fields
    for key, value in fields.items():
        if type(value) is str:
            if value:
                kept[key] = _opened(key, value, found) if value[0] in "{[" else value
        elif value is not None:
            kept[key] = notes.without_nulls(value)
    if isinstance(note, str):
        _read_note(note, found)
    elif note is not None:
        kept[NOTE] = notes.without_nulls(note)
    return found


def text(value: Any) -> str | None:
    """Give a word or number as text; None for what says nothing or is neither."""
    if type(value) is str:
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _opened(key: str, value: str, found: Content) -> Any:
    decoded = notes.said(value)
    if decoded is not value and not notes.is_faithful(value, decoded):
        found.originals[key] = value
    return decoded


def _read_note(note: str, found: Content) -> None:
    if not notes.is_packed(note):
        found.typed = note.strip() or None
        return
    found.originals[NOTE] = note
    found.pairs = notes.unpack(note)
    found.typed = text(found.pairs.get("CallNotes")) or text(found.pairs.get("EventNote"))
    if found.pairs:
        found.fields[NOTE] = found.pairs
