"""Open the custom fields of an activity, lead or task: objects inside strings, and the note."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from headrace.core import values
from headrace.providers.leadsquared.translate import notes
from headrace.providers.leadsquared.wire import Fields

NOTE: Final = "ActivityEvent_Note"
"""The note's name in API rows; webhooks call it Note."""
_NOTHING: Final[Fields] = {}


class Content(Struct, gc=False):
    """What custom fields say.

    `fields` are those with a value, decoded; `pairs` the pairs of a packed note, and `loose` its parts that are none,
    neither to be changed; `typed` what somebody typed; `originals` the strings that say more than their decoded form
    (doubled keys, spacing), for `native.extra`, or None.
    """

    fields: Fields
    pairs: Fields = _NOTHING
    loose: Sequence[str] = ()
    typed: str | None = None
    originals: Fields | None = None


def content(fields: Fields) -> Content:
    """Return custom fields, opened, from which status, owner and creator are taken out already. Changes `fields`."""
    opened: Fields = {}
    found = Content(opened)
    if not fields:
        return found
    other = fields.pop("Note", None)
    note = fields.pop(NOTE, None) or other
    for key, value in fields.items():
        if type(value) is str:
            if value:
                opened[key] = value if value[0] not in "{[" else _opened(key, value, found)
        elif value is not None:
            opened[key] = notes.without_nulls(value)
    if isinstance(note, str):
        if note:
            _read_note(note, found)
    elif note is not None:
        opened[NOTE] = notes.without_nulls(note)
    return found


def text(value: Any) -> str | None:
    """Return a word or number as text; None for what says nothing or is neither."""
    if type(value) is str:
        return value or None
    return None if value is None else values.decimal(value)


def _opened(key: str, value: str, found: Content) -> Any:
    decoded = notes.open_object(value)
    if decoded is not value and not notes.is_faithful(value, decoded):
        _keep_original(key, value, found)
    return decoded


def _read_note(note: str, found: Content) -> None:
    if "{=}" not in note:
        found.typed = note.strip() or None
        return
    _keep_original(NOTE, note, found)
    pairs, found.loose = notes.unpack(note)
    if pairs:
        found.pairs = found.fields[NOTE] = pairs
        found.typed = text(pairs.get("CallNotes")) or text(pairs.get("EventNote"))


def _keep_original(key: str, value: str, found: Content) -> None:
    if found.originals is None:
        found.originals = {}
    found.originals[key] = value
