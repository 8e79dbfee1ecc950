"""Write what we promise: the JSON Schemas and the AsyncAPI document, `python -m headrace_events.generate [FOLDER]`.

Without a folder they go to `schemas/json/` of the clone, where a test compares them with the structs.
"""

import sys
from pathlib import Path
from typing import Final

import msgspec

from headrace_events import asyncapi
from headrace_events.json_schema import Schema, schema_of, words
from headrace_events.public_topics import PUBLIC_TOPICS

FOLDER: Final = Path(__file__).parent.parent / "json"
ASYNCAPI: Final = "asyncapi.json"
TAXONOMY: Final = "taxonomy.json"


def schemas() -> dict[str, Schema]:
    """Return each JSON Schema by its file name."""
    found = {topic.file: schema_of(topic.struct, topic.schema_id) for topic in PUBLIC_TOPICS}
    return found | {TAXONOMY: words("urn:headrace:taxonomy:1")}


def files() -> dict[str, Schema]:
    """Return each file by its name: the contract with consumers."""
    return schemas() | {ASYNCAPI: asyncapi.document()}


def encode(schema: Schema) -> bytes:
    """Return a schema as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def main(folder: Path = FOLDER) -> None:
    """Write all files, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in files().items():
        (folder / name).write_bytes(encode(schema))
        sys.stdout.write(f"{folder / name}\n")


if __name__ == "__main__":
    if not sys.argv[1:] and not FOLDER.is_dir():
        sys.exit("name the folder to write to: python -m headrace_events.generate FOLDER")
    main(*map(Path, sys.argv[1:2]))
