"""Move native fields of a draft to the canonical places that a mapping row names. The targets stand here, once."""

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from headrace.core import timestamps, values
from headrace.core.mapping_keys import WORDS
from headrace.core.suggestions import nearest
from headrace_events import Change, Data, Value


class Target(Struct, frozen=True):
    """A place that a native field may be lifted to: how it is written, what it takes, what it is for.

    `typed` says that only what fits moves there: anything else stays in `fields`.
    """

    name: str
    takes: str
    meaning: str
    typed: bool = False


_TEXT: Final = "text, a number or true and false"
_ID: Final = "an id: printable text or a whole number"
_OWN: Final = "fields"
_NAMED: Final = ("refs", "urls", "times")

TARGETS: Final = (
    Target("title", _TEXT, "the subject or heading of what happened"),
    Target("text", _TEXT, "what was said or written: a message, a note"),
    Target("reason", _TEXT, "why it ended as it did"),
    Target("duration_seconds", "a number of seconds that is not negative", "how long it took", typed=True),
    Target(
        "value.amount",
        "a decimal number without separators or currency",
        "the money of a deal, a sale or a payment",
        typed=True,
    ),
    Target("value.currency", "a code of ISO 4217 such as EUR", "the currency of that money", typed=True),
    Target("change.field", _TEXT, "the name of what changed, such as stage"),
    Target("change.from", _TEXT, "its value before"),
    Target("change.to", _TEXT, "its value after"),
    Target("refs.NAME", _ID, "the id of something else, such as refs.campaign", typed=True),
    Target("urls.NAME", "a URL with http or https", "a link, such as urls.recording", typed=True),
    Target(
        "times.NAME",
        "a time with date and time of day",
        "a time, such as times.due; one without a zone is read as the platform's own are",
        typed=True,
    ),
    Target(f"{_OWN}.NAME", "anything", "a field of your own under a better name: it stays in fields"),
)
"""Every target; NAME is a name of your own, of letters, digits and _."""

_BY_NAME: Final = {target.name: target for target in TARGETS}
_FITS: Final[dict[str, Callable[[Any], str | int | float | None]]] = {
    "duration_seconds": values.duration,
    "value.amount": values.decimal,
    "value.currency": values.currency,
    "urls": values.url,
    "refs": values.ident,
}
_NAME: Final = re.compile(r"\w+")
_NO_NAME: Final = re.compile(r"\W+")


def refusal(target: str) -> str | None:
    """Return why a mapping row may not name `target`, what was probably meant and what is allowed; None where it may.

    A bare word is a canonical place, never a name of one's own: else a slip in it would be a field nobody looks for.
    """
    if _target(target) is not None:
        return None
    hints = []
    near = None if target in WORDS else _meant(target)
    if near is not None:
        hints.append(f"did you mean {near}?")
    if target in WORDS:
        hints.append(f'{target} is one word for the whole row, {target} = "…";')
    if "." not in target:
        hints.append(f"for a field of your own write {_OWN}.{_NO_NAME.sub('_', target.strip()) or 'NAME'}")
    sentence = " ".join(hints)
    return f"{sentence}{'; ' if sentence else ''}targets are {', '.join(_BY_NAME)}"


def takes(target: str) -> str | None:
    """Return what a typed target takes, in words; None for one that takes any text."""
    found = _target(target)
    return found.takes if found is not None and found.typed else None


def _target(text: str) -> Target | None:
    head, dot, name = text.partition(".")
    if dot and head in (*_NAMED, _OWN):
        return _BY_NAME[f"{head}.NAME"] if _NAME.fullmatch(name) else None
    return _BY_NAME.get(text)


def _meant(text: str) -> str | None:
    """Return the target that somebody probably meant: by its whole name, its last part, or the part before the dot."""
    head, dot, name = text.partition(".")
    heads = (*_NAMED, _OWN)
    near = nearest(head, heads)
    if near is not None and (dot or head == near):
        return f"{near}.{name if _NAME.fullmatch(name) else 'NAME'}"
    plain = [target for target in _BY_NAME if not target.endswith(".NAME")]
    by_part = {target.rpartition(".")[2]: target for target in plain} | {target: target for target in plain}
    found = nearest(text, by_part)
    return found and by_part[found]


def lift(data: Data, moves: dict[str, str], read: values.Reader = timestamps.canonical) -> None:
    """Move `data.fields[native]` to each target; a field that is not there is passed over. `read` reads its times.

    `fields.NAME` renames in place, every other target is canonical. A value that does not fit its target (a duration
    that is no number) stays where it was, and so does one whose target holds another value already.
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
    """Return a sentence for each field that `lift` left where it was: its value does not fit, or the place is taken."""
    fields = data.fields or {}
    return [
        f"{native} stays in fields: {target} {_why(data, target, fields[native])}"
        for native, target in moves.items()
        if target != f"{_OWN}.{native}" and fields.get(native) not in (None, "")
    ]


def _why(data: Data, target: str, value: Any) -> str:
    """Return why a value was not lifted; in which forms its provider writes times is not known here."""
    head, _, name = target.partition(".")
    fits = head in ("times", _OWN) or _fitting(head, name, value, timestamps.canonical) is not None
    if fits and _held(data, target) is not None:
        return "has a value already"
    return f"takes {takes(target) or 'plain text'}"


def _held(data: Data, target: str) -> Any:
    """Return what stands at a target, None where it is free."""
    head, _, name = target.partition(".")
    place = getattr(data, head)
    if not name or place is None:
        return place
    return place.get(name) if isinstance(place, dict) else getattr(place, "from_" if name == "from" else name)


def _renames(target: str) -> bool:
    return target.startswith(f"{_OWN}.")


def _place(data: Data, target: str, value: Any, read: values.Reader) -> bool:
    """Set a canonical value. Return False where it does not fit, or another stands there: it stays in `fields`."""
    head, _, name = target.partition(".")
    if _renames(target):
        return False
    fitting = _fitting(head, name, value, read)
    if fitting is None:
        return False
    held = _held(data, target)
    if held is not None:
        return bool(held == fitting)
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
