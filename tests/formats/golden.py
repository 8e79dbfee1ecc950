"""How records stand in a golden file: a record a line, each byte as the character of its number."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from headrace import __version__
from headrace.core.record import ProducerRecord

HOME: Final = Path(__file__).parent


@dataclass(frozen=True)
class PrivateFormat:
    """What one topic or place may hold: invented values by name, and the program's own writer and reader."""

    name: str
    values: Mapping[str, Any]
    write: Callable[[Any], ProducerRecord]
    read: Callable[[ProducerRecord], Any]


def versions() -> list[str]:
    """Return the versions that there are golden files of, the oldest first."""
    return sorted(
        (folder.name for folder in HOME.iterdir() if folder.name[0].isdigit()),
        key=lambda name: tuple(map(int, name.split("."))),
    )


def golden(version: str, name: str) -> dict[str, ProducerRecord]:
    """Return the records of a golden file by the name of their value."""
    found = json.loads((HOME / version / f"{name}.json").read_text("ascii"))
    return {name: _record(fields) for name, fields in found.items()}


def write(form: PrivateFormat, version: str = __version__) -> None:
    """Write a golden file."""
    lines = [f"{json.dumps(name)}: {json.dumps(_fields(form.write(one)))}" for name, one in form.values.items()]
    (HOME / version).mkdir(exist_ok=True)
    (HOME / version / f"{form.name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "ascii")


def _fields(out: ProducerRecord) -> dict[str, Any]:
    headers = [[name, value.decode("latin-1")] for name, value in out.headers]
    written = None if out.written is None else out.written.decode("latin-1")
    return {"key": out.key.decode("latin-1"), "value": written, "headers": headers, "partition": out.partition}


def _record(fields: dict[str, Any]) -> ProducerRecord:
    headers = [(name, value.encode("latin-1")) for name, value in fields["headers"]]
    value = (fields["value"] or "").encode("latin-1")
    return ProducerRecord(fields["key"].encode("latin-1"), value, headers, fields["partition"])
