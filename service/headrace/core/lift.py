"""Move native fields of a draft to the canonical places that a mapping row names."""

from typing import Any, Final

from headrace_events import Change, Data, Value

_DIGITS: Final = 9  # of a number of seconds
_CANONICAL: Final = ("title", "text", "reason", "duration_seconds")


def lift(data: Data, moves: dict[str, str]) -> None:
    """Move `data.fields[native]` to each target; a field that is not there is passed over.

    A target is a plain name or `fields.NAME` (renamed in place), `title`, `text`, `reason`, `duration_seconds`,
    `value.amount|currency`, `change.field|from|to`, `refs.NAME`, `urls.NAME` or `times.NAME`. A value that does not
    fit its target (a duration that is no number, a plain name that is taken) stays where it was.
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
    """Set a canonical value; False where it stays in `fields`."""
    if value in (None, "") or isinstance(value, dict | list):
        return False
    head, _, name = target.partition(".")
    match head:
        case "title" | "text" | "reason":
            setattr(data, head, str(value))
        case "duration_seconds":
            return _duration(data, value)
        case "refs" | "urls" | "times":
            setattr(data, head, {**(getattr(data, head) or {}), name: str(value)})
        case "value":
            data.value = data.value or Value()
            setattr(data.value, name, str(value))
        case "change":
            data.change = data.change or Change()
            setattr(data.change, "from_" if name == "from" else name, str(value))
        case _:
            return False
    return True


def _duration(data: Data, value: Any) -> bool:
    text = str(value)
    if len(text) > _DIGITS or not (text.isascii() and text.isdigit()):
        return False
    data.duration_seconds = int(text)
    return True
