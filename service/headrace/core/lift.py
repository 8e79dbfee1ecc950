"""Move native fields of a draft to the canonical places that a mapping row names. The targets stand here, once."""

import re
from collections.abc import Callable
from typing import Any, Final

from headrace.core import timestamps, values
from headrace_events import Change, Data, Value

_TEXTS: Final = ("title", "text", "reason")
_DURATION: Final = "duration_seconds"
_CANONICAL: Final = (*_TEXTS, _DURATION)
_NAMED: Final = ("refs", "urls", "times")
_CHANGE_PARTS: Final = ("field", "from", "to")
_PARTS: Final = ("value.amount", "value.currency", *(f"change.{part}" for part in _CHANGE_PARTS))

_WORDS: Final = ("a plain name", *_CANONICAL, *_PARTS, *(f"{head}.NAME" for head in _NAMED))
TARGETS: Final = f"{', '.join(_WORDS)} or fields.NAME"
"""What may be written as a target, for messages."""

_TYPED: Final = {
    _DURATION: "a number of seconds that is not negative",
    "value.amount": "a decimal number without separators or currency",
    "value.currency": "a code of ISO 4217 such as EUR",
    "times": "a time with date and time of day",
    "urls": "a URL with http or https",
    "refs": "an id: printable text or a whole number",
}
"""Targets that take only what fits, and what that is."""
_FITS: Final[dict[str, Callable[[Any], str | int | float | None]]] = {
    _DURATION: values.duration,
    "value.amount": values.decimal,
    "value.currency": values.currency,
    "urls": values.url,
    "refs": values.ident,
}

_TARGET: Final = re.compile(rf"^(\w+|({'|'.join((*_NAMED, 'fields'))})\.\w+|{'|'.join(map(re.escape, _PARTS))})$")


def is_target(text: str) -> bool:
    """Return whether a mapping row may name `text` as a target."""
    return _TARGET.match(text) is not None


def takes(target: str) -> str | None:
    """Return what a typed target takes, in words; None for one that takes any text."""
    return _TYPED.get(target) or (_TYPED.get(target.partition(".")[0]) if "." in target else None)


def lift(data: Data, moves: dict[str, str], read: values.Reader = timestamps.canonical) -> None:
    """Move `data.fields[native]` to each target; a field that is not there is passed over. `read` reads its times.

    A plain name or `fields.NAME` renames in place, every other target is canonical. A value that does not fit its
    target (a duration that is no number, a plain name that is taken) stays where it was.
    """
    fields = data.fields
    if not fields or not moves:
        return
    for native, target in moves.items():
        if native in fields and _place(data, target, fields[native], read):
            del fields[native]
    for native, target in moves.items():
        plain = target.removeprefix("fields.")
        if native in fields and _renames(target) and plain not in fields:
            fields[plain] = fields.pop(native)
    if not fields:
        data.fields = None


def misfits(data: Data, moves: dict[str, str]) -> list[str]:
    """Return a sentence for each field that `lift` left where it was, because its value does not fit the target."""
    fields = data.fields or {}
    return [
        f"{native} stays in fields: {target} takes {takes(target) or 'plain text'}"
        for native, target in moves.items()
        if not _renames(target) and fields.get(native) not in (None, "")
    ]


def _renames(target: str) -> bool:
    return target.startswith("fields.") or ("." not in target and target not in _CANONICAL)


def _place(data: Data, target: str, value: Any, read: values.Reader) -> bool:
    """Set a canonical value. Return False where it does not fit and stays in `fields`."""
    head, _, name = target.partition(".")
    if _renames(target):
        return False
    fitting = _fitting(head, name, value, read)
    if fitting is None:
        return False
    if not name:
        setattr(data, head, fitting)
    elif head in _NAMED:
        setattr(data, head, {**(getattr(data, head) or {}), name: fitting})
    elif head == "value":
        data.value = data.value or Value()
        setattr(data.value, name, fitting)
    else:
        data.change = data.change or Change()
        setattr(data.change, "from_" if name == "from" else name, fitting)
    return True


def _fitting(head: str, name: str, value: Any, read: values.Reader) -> str | int | float | None:
    """Return the value in the form of its place, None where it does not fit."""
    if head == "times":
        return values.time(value, read)
    fits = _FITS.get(f"{head}.{name}" if head == "value" else head, values.text)
    return fits(value)
