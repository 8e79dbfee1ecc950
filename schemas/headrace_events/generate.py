"""Write the JSON Schemas of what we promise: `python -m headrace_events.generate [FOLDER]`.

Without a folder they go to `schemas/json/` of the clone, where a test compares them with the structs.
"""

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from headrace_events import taxonomy
from headrace_events.dead_letter import DeadLetter
from headrace_events.event import Event
from headrace_events.taxonomy import ActorKind, Channel, Direction, Outcome, Traffic, Via, Word

FOLDER: Final = Path(__file__).parent.parent / "json"
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
TIMES: Final = ("time", "recordedtime", "revised", "received")
WORDS: Final[dict[str, type[Word]]] = {
    "kind": ActorKind,
    "channel": Channel,
    "direction": Direction,
    "outcome": Outcome,
    "traffic": Traffic,
    "via": Via,
}
"""Keys whose values are words of a closed list; the words of `type` stand in it as `headrace.<word>.v1`."""

Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """Return each schema by its file name."""
    return {
        "event.schema.json": _of(Event, "urn:headrace:event:1"),
        "dead-letter.schema.json": _of(DeadLetter, "urn:headrace:dead-letter:1"),
        "taxonomy.json": _words("urn:headrace:taxonomy:1"),
    }


def encode(schema: Schema) -> bytes:
    """Return a schema as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _of(struct: type[msgspec.Struct], name: str) -> Schema:
    (root,), parts = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    whole = parts.pop(root["$ref"].rpartition("/")[2])
    for part in (whole, *parts.values()):
        part["description"] = inspect.cleandoc(part["description"])
        part["properties"] = {key: _property(key, value) for key, value in part["properties"].items()}
    return {"$schema": DRAFT, "$id": name, **whole, "$defs": dict(sorted(parts.items()))}


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


def _words(name: str) -> Schema:
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


def main(folder: Path = FOLDER) -> None:
    """Write all schemas, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_bytes(encode(schema))
        sys.stdout.write(f"{folder / name}\n")


if __name__ == "__main__":
    if not sys.argv[1:] and not FOLDER.is_dir():
        sys.exit("name the folder to write to: python -m headrace_events.generate FOLDER")
    main(*map(Path, sys.argv[1:2]))
