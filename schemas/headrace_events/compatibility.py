"""What breaks consumers of a release: `python -m headrace_events.compatibility` compares with `schemas/released/`.

Each release is a folder there, with the files that `generate` wrote. A consumer that was built on one reads what is
published today: nothing that was promised may be gone, optional or of another type. More fields and words are none of
its troubles, as it ignores what it does not know.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from headrace_events.asyncapi import KEY, PARTITIONING
from headrace_events.generate import ASYNCAPI, FOLDER, TAXONOMY, files
from headrace_events.json_schema import Schema
from headrace_events.schema_changes import changes, resolved

RELEASED: Final = FOLDER.with_name("released")
_ADVICE: Final = (
    "Leave it as it was, and add what is new beside it: an optional field, a word, or a .v2 type with a dataschema of "
    "its own."
)


def breaks(released: Mapping[str, Schema], today: Mapping[str, Schema]) -> list[str]:
    """Return one sentence for each change that breaks consumers; both are files by name, as `generate` has them."""
    return [
        sentence
        for name, old in released.items()
        for sentence in (_in_file(name, old, today[name]) if name in today else [f"{name} is gone"])
    ]


def _in_file(name: str, old: Schema, new: Schema) -> Iterator[str]:
    if name == ASYNCAPI:
        yield from _topics(old, new)
    elif name == TAXONOMY:
        yield from _words(name, old["$defs"], new["$defs"])
    else:
        if old["$id"] != new["$id"]:
            yield f"{name}: its $id was {old['$id']} and is {new['$id']}"
        yield from (f"{name}: {change}" for change in changes(old, new))


def _words(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for title, known in old.items():
        if title not in new:
            yield f"{name}: the list {title} is gone"
            continue
        left = {word["const"] for word in new[title]["oneOf"]}
        for word in known["oneOf"]:
            if word["const"] not in left:
                yield f"{name}: the word {word['const']} of {title} is gone"


def _topics(old: Schema, new: Schema) -> Iterator[str]:
    for name, channel in old["channels"].items():
        topic = f"topic {channel['address']}"
        if name not in new["channels"]:
            yield f"{topic} is gone"
            continue
        now = new["channels"][name]
        for what, key in (("name", "address"), ("key", KEY), ("partitioning", PARTITIONING)):
            if channel[key] != now.get(key):
                yield f'{topic}: its {what} was "{channel[key]}" and is "{now.get(key)}"'
        for message, reference in channel["messages"].items():
            if message not in now["messages"]:
                yield f"{topic}: the message {message} is gone"
                continue
            before, after = resolved(old, reference), resolved(new, now["messages"][message])
            yield from (f"{topic}: {change}" for change in _message(old, before, new, after))


def _message(old: Schema, before: Schema, new: Schema, after: Schema) -> Iterator[str]:
    """Compare two messages; what they refer to has a file of its own."""
    if before["contentType"] != after.get("contentType"):
        yield f'its content type was "{before["contentType"]}" and is "{after.get("contentType")}"'
    if before.get("payload") != after.get("payload"):
        yield "its value has another schema"
    if before.get("bindings") != after.get("bindings"):
        yield "its key has another type, or what else its bindings promise"
    headers = after.get("headers", {"type": "object"})
    yield from (f"header {change}" for change in changes(before["headers"], headers, old, new))


def read(folder: Path) -> dict[str, Schema]:
    """Return the files of one release. Raises `OSError` and `msgspec.DecodeError`."""
    return {file.name: msgspec.json.decode(file.read_bytes()) for file in sorted(folder.glob("*.json"))}


def main(folder: Path = RELEASED) -> int:
    """Compare every release with today's, and say what breaks; return the exit code."""
    releases = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not releases:
        sys.stderr.write(f"no release to compare with in {folder}\n")
        return 1
    broken = [f"since {release.name}: {each}" for release in releases for each in breaks(read(release), files())]
    if broken:
        sys.stderr.write("\n".join([*broken, _ADVICE]) + "\n")
        return 1
    sys.stdout.write(f"Consumers of {', '.join(release.name for release in releases)} can read what is published.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
