"""Redact an event: listed places are left out or hashed, and what repeats their values elsewhere in it. Pure.

It works on what was decided to be published, so no duplicate becomes news by it.
"""

import hashlib
import hmac
from typing import Any, Final

from headrace.core.event_places import put
from headrace.core.redaction import Redaction
from headrace.core.value_copies import REDACTED, ValueCopies
from headrace_events import Event

_HASH_BYTES: Final = 16
_KEY_ID_BYTES: Final = 4
_EXTRA: Final = "native.extra"
_UNHASHED: Final = ("client.lat", "client.lon")
"""Numbers in a place that is hashed otherwise: they are left out."""
_NO_COPIES: Final = (
    *_UNHASHED,
    "refs.",
    "value.",
    "subject",
    "duration_seconds",
    "cost.amount",
    "cost.currency",
    "cost.b",
)
"""How paths begin whose values are ids or numbers, and never copies."""
_MOST_LISTED: Final = 100
_LONGEST_PATH: Final = 200


class Redactor:
    """Redacts the events of a tenant. `id` is 8 hex digits of what it does, its key included."""

    def __init__(self, redaction: Redaction) -> None:
        rules = [*((place, False) for place in redaction.drop), *((place, True) for place in redaction.hash)]
        self._rules: Final = sorted(rules, key=lambda rule: -len(rule[0]))
        """The places, each with whether it is hashed, the inner ones first."""
        self._key: Final = (redaction.key or "").encode()
        self._key_id: Final = self._digest("the id of the key")[: 2 * _KEY_ID_BYTES]
        described = repr((sorted(rules), self._key_id)).encode()
        self.id: Final = hashlib.blake2b(described, digest_size=4).hexdigest()

    def redact(self, event: Event) -> Event:
        """Return the event, redacted: it is changed.

        1. what stands in the places is left out or hashed
        2. so is what repeats it in other texts, and in names of fields
        3. `data.redacted` lists where
        """
        work = _Work(self)
        # 1. the places
        put(event, work.take, work.note)
        # 2. the copies
        if work.values:
            work.copies = ValueCopies(work.values, work.texts)
            put(event, work.compare, work.name_of)
        # 3. the list
        event.data.redacted = sorted(work.changed)[:_MOST_LISTED] or None
        return event

    def rule_of(self, path: str) -> tuple[str, bool] | None:
        """Return the place that a path lies in, and whether it is hashed; None where it is not redacted."""
        for place, hashed in self._rules:
            if path == place or (path.startswith(place) and path[len(place)] == "."):
                return place, hashed
        return None

    def hash(self, value: str) -> str:
        """Return `hmac:<id of the key>:<32 hex digits>`, the same for equal values wherever they stand."""
        return f"hmac:{self._key_id}:{self._digest(value)}"

    def _digest(self, value: str) -> str:
        found = hmac.digest(self._key, value.encode("utf-8", "surrogatepass"), "sha256")
        return found[:_HASH_BYTES].hex()


def redactor_of(redaction: Redaction) -> Redactor | None:
    """Return what redacts a tenant's events, None where nothing is redacted."""
    return Redactor(redaction) if redaction else None


def mapping_id(tables: str, redactor: Redactor | None) -> str:
    """Return the id of tables and redaction together, 8 hex digits: that of the tables where nothing is redacted."""
    if redactor is None:
        return tables
    return hashlib.blake2b(f"{tables} {redactor.id}".encode(), digest_size=4).hexdigest()


class _Work:
    """One event while it is redacted: the values that were taken, each with what replaces it, and where."""

    def __init__(self, redactor: Redactor) -> None:
        self.values: Final[dict[str, str | None]] = {}
        self.texts: Final[list[str]] = []
        """What may hold copies: values of other places, and names."""
        self.changed: Final[set[str]] = set()
        self.copies: ValueCopies | None = None
        self._redactor: Final = redactor

    def take(self, path: str, value: Any) -> Any:
        """Take a value out of a place; return what stands there then."""
        rule = self._redactor.rule_of(path)
        if rule is None:
            self.texts.append(_text_of(value))
            return value
        place, hashed = rule
        text = _text_of(value)
        instead = self._redactor.hash(text) if hashed and path not in _UNHASHED else None
        self.changed.add(place)
        if place != _EXTRA and not isinstance(value, bool):  # what is left over as a whole is itself made of copies
            self.values[text] = None if instead is None else self.values.get(text, instead)
        return instead

    def note(self, name: str) -> str:
        """Return the name of a field as it is."""
        self.texts.append(name)
        return name

    def compare(self, path: str, value: Any) -> Any:
        """Return a value of another place without what repeats one that was taken."""
        if isinstance(value, bool) or path.startswith(_NO_COPIES) or self._redactor.rule_of(path) is not None:
            return value
        text = _text_of(value)
        found = self._without(text)
        if found is text or found == text:
            return value
        self.changed.add(self._shown(path))
        return found

    def name_of(self, name: str) -> str:
        """Return the name of a field without what repeats a value."""
        return self._without(name) or REDACTED

    def _without(self, text: str) -> str | None:
        return text if self.copies is None else self.copies.without(text)

    def _shown(self, path: str) -> str:
        """Return a path as it is listed: the names in it hold nothing either."""
        head = _EXTRA if path.startswith(_EXTRA) else path.partition(".")[0]
        if head not in ("fields", _EXTRA):
            return path
        return f"{head}.{self.name_of(path[len(head) + 1 :])}"[:_LONGEST_PATH]


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
