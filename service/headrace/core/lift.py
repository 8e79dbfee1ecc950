"""Move native fields of a draft to the canonical places that a mapping row names. The targets stand here, once."""

import re
from typing import Any, Final

from headrace_events import Change, Data, Value

_TEXTS: Final = ("title", "text", "reason")
_DURATION: Final = "duration_seconds"
_CANONICAL: Final = (*_TEXTS, _DURATION)
_NAMED: Final = ("refs", "urls", "times")
_VALUE_PARTS: Final = ("amount", "currency")
_CHANGE_PARTS: Final = ("field", "from", "to")
_PARTS: Final = (*(f"value.{part}" for part in _VALUE_PARTS), *(f"change.{part}" for part in _CHANGE_PARTS))

_WORDS: Final = ("a plain name", *_CANONICAL, *_PARTS, *(f"{head}.NAME" for head in _NAMED))
TARGETS: Final = f"{', '.join(_WORDS)} or fields.NAME"
"""What may be written as a target, for messages."""

_TARGET: Final = re.compile(rf"^(\w+|({'|'.join((*_NAMED, 'fields'))})\.\w+|{'|'.join(map(re.escape, _PARTS))})$")
_DIGITS: Final = 9  # of a number of seconds


def is_target(text: str) -> bool:
    """Return whether a mapping row may name `text` as a target."""
    return _TARGET.match(text) is not None


def lift(data: Data, moves: dict[str, str]) -> None:
    """Move `data.fields[native]` to each target; a field that is not there is passed over.

    A plain name or `fields.NAME` renames in place, every other target is canonical. A value that does not fit its
    target (a duration that is no number, a plain name that is taken) stays where it was.
    """
    fields = data.fields
    if not fields or not moves:
        return
    for native, target in moves.items():
        if native in fields and _place(data, target, fields[native]):
            del fields[native]
    for native, target in moves.items():
        plain = target.removeprefix("fields.")
        renamed = plain != target or ("." not in target and target not in _CANONICAL)
        if native in fields and renamed and plain not in fields:
            fields[plain] = fields.pop(native)
    if not fields:
        data.fields = None


def _place(data: Data, target: str, value: Any) -> bool:
    """Set a canonical value. Return False where it stays in `fields`."""
    if value in (None, "") or isinstance(value, dict | list):
        return False
    head, _, name = target.partition(".")
    if head in _TEXTS:
        setattr(data, head, str(value))
    elif head == _DURATION:
        return _duration(data, value)
    elif head in _NAMED:
        setattr(data, head, {**(getattr(data, head) or {}), name: str(value)})
    elif name in _VALUE_PARTS and head == "value":
        data.value = data.value or Value()
        setattr(data.value, name, str(value))
    elif name in _CHANGE_PARTS and head == "change":
        data.change = data.change or Change()
        setattr(data.change, "from_" if name == "from" else name, str(value))
    else:
        return False
    return True


def _duration(data: Data, value: Any) -> bool:
    text = str(value)
    if len(text) > _DIGITS or not (text.isascii() and text.isdigit()):
        return False
    data.duration_seconds = int(text)
    return True
