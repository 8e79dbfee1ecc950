"""JSON Schemas of the structs: in draft 2020-12, and in draft-07 for registries and AsyncAPI."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from headrace_events import taxonomy
from headrace_events.taxonomy import (
    ActorKind,
    Channel,
    Direction,
    NoticeKind,
    NoticeState,
    Outcome,
    Traffic,
    Via,
    Word,
)

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
DRAFT_07: Final = "http://json-schema.org/draft-07/schema#"
TIMES: Final = ("time", "recordedtime", "revised", "received", "since", "ended", "until")
WORDS: Final[dict[str, type[Word]]] = {
    "kind": ActorKind,
    "channel": Channel,
    "direction": Direction,
    "outcome": Outcome,
    "traffic": Traffic,
    "via": Via,
    "notice": NoticeKind,
    "state": NoticeState,
}
"""Keys whose values are words of a closed list; the words of `type` stand in it as `headrace.<word>.v1`."""

_VERBATIM: Final = ("examples", "default", "const", "enum")
"""Keywords whose values are data, and no schemas."""

Schema = dict[str, Any]


def schema_of(struct: type[msgspec.Struct], name: str) -> Schema:
    """Return the schema of a struct under its `$id`, its parts in `$defs`, and one whole example."""
    (root,), parts = _components([struct], "#/$defs/{name}")
    whole = parts.pop(root["$ref"].rpartition("/")[2])
    return {"$schema": DRAFT, "$id": name, **whole, "examples": [example(whole)], "$defs": dict(sorted(parts.items()))}


def example(schema: Schema) -> Schema:
    """Return a whole value made of the first example of each property."""
    return {key: known["examples"][0] for key, known in schema["properties"].items()}


def parts_of(structs: Sequence[type[msgspec.Struct]], template: str) -> dict[str, Schema]:
    """Return the draft-07 schemas of structs and of their parts by name; `template` is where references find them."""
    _, parts = _components(structs, template)
    return {name: _draft_07(part) for name, part in sorted(parts.items())}


def draft_07(schema: Schema) -> Schema:
    """Return a schema of draft 2020-12 in draft-07, which means the same."""
    found: Schema = _draft_07(schema)
    return {**found, "$schema": DRAFT_07}


def words(name: str) -> Schema:
    """List the closed words, each with its meaning, as schemas that allow no other."""
    ours = [words for words in Word.__subclasses__() if words.__module__ == taxonomy.__name__]  # no word of tables
    lists = sorted(ours, key=lambda words: words.__name__)
    return {
        "$schema": DRAFT,
        "$id": name,
        "description": inspect.cleandoc(taxonomy.__doc__ or ""),
        "$defs": {words.__name__: {"description": words.__doc__, "oneOf": list(_constants(words))} for words in lists},
    }


def _constants(words: Iterable[Word]) -> Iterable[Schema]:
    return ({"const": str(word), "description": word.meaning} for word in words)


def _components(structs: Sequence[type[msgspec.Struct]], template: str) -> tuple[Sequence[Schema], dict[str, Schema]]:
    roots, parts = msgspec.json.schema_components(structs, ref_template=template)
    for part in parts.values():
        part["description"] = inspect.cleandoc(part["description"])
        part["properties"] = {key: _property(key, value) for key, value in part["properties"].items()}
    return roots, parts


def _property(key: str, schema: Schema) -> Schema:
    """Describe one key: without `null`, as what is not said is absent, and with its words or the form of its time."""
    shown = {name: part for name, part in schema.items() if name != "anyOf" and part is not None}
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    shown |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}
    if key in WORDS:
        known = f"A word of {WORDS[key].__name__} in taxonomy.json; ignore the words you do not know."
        shown["description"] = f"{shown['description']} {known}"
    if key in TIMES:
        shown["format"] = "date-time"
    return shown


def _draft_07(value: Any) -> Any:
    """Rewrite what draft-07 spells otherwise; there, whatever stands beside `$ref` is ignored, hence `allOf`."""
    if isinstance(value, list):
        return [_draft_07(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        beside = {key: part for key, part in value.items() if key != "$ref"}
        target = {"$ref": value["$ref"].replace("#/$defs/", "#/definitions/")}
        return {**beside, "allOf": [target]} if beside else target
    return {
        "definitions" if key == "$defs" else key: part if key in _VERBATIM else _draft_07(part)
        for key, part in value.items()
    }
