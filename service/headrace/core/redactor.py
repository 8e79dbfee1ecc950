"""Redact an event: listed places are left out or hashed, and what repeats their values elsewhere in it. Pure.

It works on what was decided to be published, so no duplicate becomes news by it.
"""

import hashlib
import hmac
from typing import Any, Final

from headrace.core.event_places import put
from headrace.core.redaction import Redaction, folded
from headrace.core.value_copies import REDACTED, ValueCopies
from headrace_events import Event

_HASH_BYTES: Final = 16
_KEY_ID_BYTES: Final = 4
_EXTRA: Final = "native.extra"
_REPEATED: Final = ("parties", "actor", "client", "fields")
"""Places of people's data: who lists one as a whole gets no `native.extra`, which repeats it as it was before."""
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
_FIELDS: Final = "fields."
_NAMED: Final = (f"{_EXTRA}.", _FIELDS)
_MOST_LISTED: Final = 100
_LONGEST_PATH: Final = 200


class Redactor:
    """Redacts the events of a tenant. `id` is 8 hex digits of what it does, its key included."""

    def __init__(self, redaction: Redaction) -> None:
        rules = [*((place, False) for place in redaction.drop), *((place, True) for place in redaction.hash)]
        places = {place for place, _ in rules}
        if _EXTRA not in places and not places.isdisjoint(_REPEATED):
            rules.append((_EXTRA, False))
        compared = [(folded(place), place, hashed) for place, hashed in rules]
        self._rules: Final = sorted(compared, key=lambda rule: -len(rule[0]))
        """The places as they are compared and as they are listed, each with whether it is hashed, inner ones first."""
        fields = [rule for rule in self._rules if rule[0].startswith(_FIELDS)]
        self._fields: Final = [(f".{begins[len(_FIELDS) :]}.", place, hashed) for begins, place, hashed in fields]
        """The names of fields, which are looked for at any depth, in `native.extra`, too."""
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
        work = _Work(self, event)
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
        compared = folded(path)
        for begins, place, hashed in self._rules:
            if compared == begins or (compared.startswith(begins) and compared[len(begins)] == "."):
                return place, hashed
        if not self._fields or not compared.startswith(_NAMED):
            return None
        names = f".{compared.removeprefix(_EXTRA).removeprefix(_FIELDS)}."
        return next(((place, hashed) for name, place, hashed in self._fields if name in names), None)

    def subject(self, subject: str) -> str:
        """Return `<kind>/<id>` as an event has it that was redacted."""
        kind, slash, named = subject.partition("/")
        return f"{kind}{slash}{self.hash(named)}" if self.rule_of("subject") else subject

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

    def __init__(self, redactor: Redactor, event: Event) -> None:
        self.values: Final[dict[str, str | None]] = {}
        self.texts: Final[list[str]] = []
        """What may hold copies: values of other places, and names."""
        self.changed: Final[set[str]] = set()
        self.copies: ValueCopies | None = None
        self._redactor: Final = redactor
        self._of_change: Final = self._rule_of_change(event)

    def take(self, path: str, value: Any) -> Any:
        """Take a value out of a place; return what stands there then."""
        rule = self._rule_of(path)
        if rule is None:
            self.texts.append(_text_of(value))
            return value
        place, hashed = rule
        text = _text_of(value)
        instead = self._redactor.hash(text) if hashed and path not in _UNHASHED else None
        self.changed.add(_listed(path, place))
        if place != _EXTRA and not isinstance(value, bool):  # what is left over as a whole is itself made of copies
            self.values[text] = None if instead is None else self.values.get(text, instead)
        return instead

    def note(self, name: str) -> str:
        """Return the name of a field as it is."""
        self.texts.append(name)
        return name

    def compare(self, path: str, value: Any) -> Any:
        """Return a value of another place without what repeats one that was taken."""
        if isinstance(value, bool) or path.startswith(_NO_COPIES) or self._rule_of(path) is not None:
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

    def _rule_of(self, path: str) -> tuple[str, bool] | None:
        return self._redactor.rule_of(path) or (self._of_change if path.startswith("change.") else None)

    def _rule_of_change(self, event: Event) -> tuple[str, bool] | None:
        """Return what redacts the field that changed: its value before is no copy of that in `fields`."""
        changed = None if event.data.change is None else event.data.change.field
        rule = None if changed is None else self._redactor.rule_of(f"{_FIELDS}{changed}")
        of_a_name = rule is not None and rule[0].startswith(_FIELDS)
        return rule if of_a_name or changed in (event.data.fields or ()) else None

    def _without(self, text: str) -> str | None:
        return text if self.copies is None else self.copies.without(text)

    def _shown(self, path: str) -> str:
        """Return a path as it is listed: the names in it hold nothing either."""
        head = _EXTRA if path.startswith(_EXTRA) else path.partition(".")[0]
        if head not in ("fields", _EXTRA):
            return path
        return f"{head}.{self.name_of(path[len(head) + 1 :])}"[:_LONGEST_PATH]


def _listed(path: str, place: str) -> str:
    """Return where a value was taken, as it is listed: what a field takes elsewhere is listed there."""
    if place.startswith("fields") and path.startswith((_EXTRA, "change.")):
        return _EXTRA if path.startswith(_EXTRA) else path
    return place


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
