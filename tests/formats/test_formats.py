"""What every version wrote is read, and what is written today is what this version's folder holds."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import fields, replace

from headrace.core.record import ProducerRecord
from headrace.records.cursors import KINDS
from headrace.records.newer_format import NewerFormat
from headrace.records.order import Order
from headrace.records.raw import HEADER
from headrace.spool.file import CannotSpool, SpoolFile
from tests.formats.cursors import ENTRIES
from tests.formats.every import EVERY
from tests.formats.golden import PrivateFormat, golden, versions
from tests.formats.spooled import FACTS, WAITING, contents, unpack_spool, write_spool
from tests.formats.topics import NUDGES

CHANGED: Final = (
    "the format changed: add a folder for the next version (`python -m tests.formats`), and see that the version before"
    " still reads what is in it, or a rollback is not possible (deploy/RUNBOOK.md, A bad release)"
)
each_version = pytest.mark.parametrize("version", versions())
each_format = pytest.mark.parametrize("form", EVERY, ids=lambda form: form.name)


@each_version
@each_format
def test_what_was_written_is_read(form: PrivateFormat, version: str) -> None:
    """Each record of each version means today what it meant then."""
    for name, out in golden(version, form.name).items():
        assert form.read(out) == form.values[name], name


@each_format
def test_what_is_written_is_golden(form: PrivateFormat) -> None:
    """Each byte of key, value and headers, and each place, is what the newest version wrote."""
    written = {name: form.write(one) for name, one in form.values.items()}
    expected = golden(versions()[-1], form.name)
    for name, out in written.items():
        assert name in expected, f"{name}: {CHANGED}"
        assert as_written(out) == expected[name], f"{name}: {CHANGED}"


def as_written(out: ProducerRecord) -> ProducerRecord:
    """Return a record of the common type: one that removes its key is written without a value."""
    return ProducerRecord(out.key, out.written or b"", out.headers, out.partition)


@each_version
def test_a_spool_of_a_version_is_drained(version: str, tmp_path: Path) -> None:
    """What waits in a file comes out as it went in, what is set aside stays, and the file can be written."""
    unpack_spool(version, tmp_path / "spool.db")
    with closing(SpoolFile(tmp_path / "spool.db")) as file:
        assert {topic: file.oldest(topic, 0, 9, 2**20) for topic in WAITING} == WAITING
        assert replace(file.facts(), bytes=0) == FACTS
        with file.transaction():
            file.remove([one.id for one in WAITING["raw"]])
        assert file.facts().topics == {"nudges": 2}


def test_a_spool_is_written_as_it_was(tmp_path: Path) -> None:
    """Tables, rows and settings of the file are those of the newest version."""
    write_spool(tmp_path / "new.db")
    unpack_spool(versions()[-1], tmp_path / "golden.db")
    assert contents(tmp_path / "new.db") == contents(tmp_path / "golden.db"), CHANGED


def test_each_kind_has_a_golden_record() -> None:
    """No kind of record on `cursors` and no order is forgotten here."""
    assert {one.kind for one in ENTRIES} == set(KINDS)
    assert {type(one) for one in NUDGES.values()} >= set(get_args(Order))


def test_each_field_has_a_golden_record() -> None:
    """A field that is added to a private record is set in one of the values."""
    set_fields: defaultdict[type[Struct], set[str]] = defaultdict(set)
    for form in EVERY:
        for one in structs_in(list(form.values.values())):
            set_fields[type(one)] |= {
                each.name
                for each in fields(one)
                if each.required or getattr(one, each.name) not in ((), default_of(each))
            }
    missing = {kind.__name__: {each.name for each in fields(kind)} - found for kind, found in set_fields.items()}
    assert not {kind: names for kind, names in missing.items() if names}


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """Return what a field is where it is not set."""
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def structs_in(value: object) -> Iterator[Struct]:
    """Yield every struct in a value, itself as well."""
    if isinstance(value, Struct):
        yield value
        for each in fields(value):
            yield from structs_in(getattr(value, each.name))
    elif isinstance(value, dict):
        yield from structs_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from structs_in(one)


@each_format
def test_a_field_more_is_passed_over(form: PrivateFormat) -> None:
    """What a later version adds to a record does not keep this one from reading it: it can be gone back to."""
    later = {name: with_a_field_more(out) for name, out in golden(versions()[-1], form.name).items()}
    assert form.name in {"feeds-notes", "tokens"} or any(later.values())
    for name, out in later.items():
        if out is not None:
            assert form.read(out) == form.values[name], name


def with_a_field_more(out: ProducerRecord) -> ProducerRecord | None:
    """Return a record with one field more in each of its JSON objects and in its head, None where it has none."""
    if seen := _longer_head(out.value):
        return replace(out, value=seen)
    headers = [
        (name, _longer_json(value) or value if name.startswith(HEADER) else value) for name, value in out.headers
    ]
    is_bytes = any(name == HEADER for name, _ in out.headers)
    value = out.value if is_bytes else _longer_json(out.value)
    return None if not is_bytes and value is None else replace(out, headers=headers, value=value)


def _longer_json(value: bytes) -> bytes | None:
    """Return an object with one more field, behind whatever version byte; None where there is no object."""
    version, brace, rest = value.partition(b"{")
    if len(version) > 1 or not brace:
        return None
    return version + b'{"a_later_field":[{"x":1}]' + (b"," if rest[:1] != b"}" else b"") + rest


def _longer_head(value: bytes) -> bytes | None:
    """Return a commit of `seen` whose head has one more part; None of anything else."""
    if value[:1] not in {b"\x01", b"\x02"} or value[3:5] != b"\0\0" or value[1:5] == bytes(4):
        return None
    end = 5 + int.from_bytes(value[1:5], "little")
    head = msgspec.msgpack.encode([*msgspec.msgpack.decode(value[5:end]), "a later part"])
    return value[:1] + len(head).to_bytes(4, "little") + head + value[end:]


@pytest.mark.parametrize("name", ["raw", "seen", "nudges", "cursors"])
def test_a_later_format_is_refused(name: str) -> None:
    """What another version byte stands before is refused, not skipped and not guessed."""
    (form,) = (form for form in EVERY if form.name == name)
    for out in golden(versions()[-1], name).values():
        if out.value or name == "raw":
            headers = [(key, b"\x07" + value[1:]) for key, value in out.headers]
            value = out.value if name == "raw" else b"\x07" + out.value[1:]
            with pytest.raises(NewerFormat, match="upgrade"):
                form.read(replace(out, headers=headers, value=value))


def test_a_later_spool_is_refused(tmp_path: Path) -> None:
    """A file of a later format stays as it is, for the program that wrote it."""
    write_spool(tmp_path / "spool.db")
    with closing(SpoolFile(tmp_path / "spool.db")) as file:
        file.db.execute("PRAGMA user_version = 7")
    with pytest.raises(CannotSpool, match="has format 7, this program reads 1: upgrade it"):
        SpoolFile(tmp_path / "spool.db")
