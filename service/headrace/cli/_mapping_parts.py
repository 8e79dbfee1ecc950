"""What a mapping can say, as lists: for `headrace taxonomy targets` and MAPPING.md."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from headrace.core.lift import TARGETS
from headrace.core.mapping_keys import ROW_KEYS, WORDS
from headrace.providers.discover import discover


class Part(Struct, frozen=True):
    """One list: `rows` of as many cells as `columns`, the first of them what is written."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


_NOTES: Final = {
    "type": 'Written `type = "call.completed"`. On the topic it is `headrace.call.completed.v1`.',
    "direction": 'Written `direction = "inbound"`, as the following.',
    "channel": "By which way, or of a consent: what is allowed or forbidden.",
    "outcome": "How it ended, beside the type: `call.unanswered` with `busy`.",
    "actor": "Becomes `actor.kind` where the record itself does not say who it was.",
    "traffic": "What is no sales activity says so, and consumers leave it out.",
    "reach": "Of webhook rows, for tenants with `polling = true`.",
}


def parts() -> Iterator[Part]:
    """Yield all lists: keys of a row, tables of each provider, places for `lift`, then the closed words."""
    yield Part("row keys", "The keys of a `[[row]]`.", ("key", "meaning"), list(ROW_KEYS.items()))
    tables = [
        (table, meaning, name) for name, provider in discover().items() for table, meaning in provider.tables.items()
    ]
    note = "What `table` may say: the kinds of codes that a provider has. Where it has one, `table` may be left out."
    yield Part("tables", note, ("table", "its codes", "provider"), tables)
    note = (
        'Where `lift = { mx_Custom_1 = "text" }` may move a native field to; NAME is a name of your own, of letters, '
        "digits and _. A place holds one value: what the platform itself says stays there. What does not fit its "
        "place, or finds it taken, stays in `fields`."
    )
    yield Part(
        "lift targets",
        note,
        ("target", "meaning", "takes"),
        [(target.name, target.meaning, target.takes) for target in TARGETS],
    )
    for key, words in sorted(WORDS.items(), key=lambda pair: len(pair[1])):  # the hundred types come last
        yield Part(f"{key} words", _NOTES[key], (key, "meaning"), [(str(word), word.meaning) for word in words])
