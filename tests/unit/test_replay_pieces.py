"""What `headrace replay` reads, chooses and compares, without Kafka."""

from pathlib import Path

import click
import pytest

from headrace.cli._diff_file import DiffFile
from headrace.cli._published_events import PublishedEvents
from headrace.cli._replay_comparing import last_versions
from headrace.cli._replay_files import kcat_record
from headrace.cli._replay_findings import Findings
from headrace.cli._replay_outbox import Outbox
from headrace.cli._replay_page import show_rest
from headrace.core.record import ProducerRecord
from headrace.normalizer.mark_table import MarkTable
from headrace.records.mark import IMMUTABLE, Mark, pack, unpack
from headrace.records.raw import digest, to_raw_record
from headrace.records.replayed import keys_of
from tests.fake_provider import FAKE, thing

SOURCE = "/things/acme"


def remembered(**marks: int) -> MarkTable:
    """Return a memory of ids, each with its version; `a_b` stands for the id `a/b`."""
    table = MarkTable()
    rows, more = pack(
        (digest(SOURCE, "thing", name.replace("_", "/")), Mark(v, 1, (2,), 100)) for name, v in marks.items()
    )
    table.put(unpack(rows), more)
    return table


def events(*ids: str, value: bytes = b"{}") -> PublishedEvents:
    """Return events that were published in this order from partition 3."""
    found = PublishedEvents()
    for offset, name in enumerate(ids):
        found.add(3, offset, keys_of(SOURCE, name), value)
    return found


@pytest.mark.parametrize(
    ("ids", "marks", "offsets"),
    [
        (("thing/a/1", "thing/b/1", "thing/a/2"), {"a": 2, "b": 1}, [1, 2]),
        (("thing/a", "thing/a~0123abcd"), {"a": IMMUTABLE}, [1]),
        (("thing/a/1~0123abcd~9f2c41d0", "thing/a/2"), {"a": 2}, [1]),
        (("thing/a/b", "thing/a/2"), {"a": 2, "a_b": IMMUTABLE}, [0, 1]),
        (("thing/a/1", "thing/a/2"), {}, [0, 1]),
    ],
)
def test_of_one_id_the_last_version_counts(ids: tuple[str, ...], marks: dict[str, int], offsets: list[int]) -> None:
    """What never changes is told from what has versions by its mark; what is not remembered stays as it is."""
    rows, keys = last_versions(events(*ids).of(3), remembered(**marks))
    assert rows["offset"].tolist() == offsets
    assert all(map(bool, keys)) == bool(marks)


def test_a_newer_version_that_is_not_wanted_replaces_what_is() -> None:
    """It has no bytes, and is compared with nothing: but the older one is not the last."""
    found = events("thing/a/1")
    found.add(3, 9, keys_of(SOURCE, "thing/a/2"), b"")
    rows, _ = last_versions(found.of(3), remembered(a=2))
    assert rows.size == 0
    assert found.wanted == 1
    assert found.of(2).size == 0


def test_what_is_stored_comes_back() -> None:
    """Events and records come back from the disk, each from its place."""
    found = events("thing/a/1", value=b"one")
    found.add(0, 5, keys_of(SOURCE, "thing/b/1"), b"other")
    assert [found.value(row) for number in (0, 3) for row in found.of(number)] == [b"other", b"one"]
    outbox, outs = Outbox(), [ProducerRecord(b"k" * 16, bytes([n]), [("headrace", b"x")]) for n in range(3)]
    for number, out in enumerate(outs):
        outbox.add(number % 2, out)
    assert (len(outbox), outbox.partitions) == (3, [0, 1])
    assert list(outbox.records(0)) == [outs[0], outs[2]]


def kcat_line(out: ProducerRecord) -> bytes:
    """Return a raw record as `kcat -J` writes it."""
    header, payload = (
        text.decode().replace("\x01", "\\u0001").replace('"', '\\"') for text in (out.headers[0][1], out.value)
    )
    line = '{"topic":"raw","partition":0,"offset":1,"headers":["headrace","%s"],"key":"\xff","payload":"%s"}'
    return (line % (header, payload)).encode("latin-1")


def test_a_line_of_kcat_is_a_raw_record() -> None:
    """Its header is a list of names and values in turn."""
    out = to_raw_record(FAKE, thing("a", 3, "x"))
    found = kcat_record(kcat_line(out), "raw.ndjson:1")
    assert (found.id, found.version, found.value) == ("a", 3, out.value)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'"payload":', b"", "raw.ndjson:7 is no whole line of `kcat -J`"),
        (b"headrace", b"other", "or no raw record of Headrace"),
        (b"\\u0001", b"\\u0009", "raw.ndjson:7: .*upgrade"),
    ],
)
def test_a_line_of_kcat_that_cannot_be_read_is_named(old: bytes, new: bytes, error: str) -> None:
    """One that is cut off, that Headrace did not write, or that a newer one wrote."""
    line = kcat_line(to_raw_record(FAKE, thing("a", 3, "x")))
    with pytest.raises(click.ClickException, match=error):
        kcat_record(line.replace(old, new), "raw.ndjson:7")


def test_a_diff_is_there_once_it_is_whole(tmp_path: Path) -> None:
    """What was stopped in between leaves no file that looks whole, and one that cannot be written is said."""
    file = tmp_path / "diff.ndjson"
    diff = DiffFile(file)
    with pytest.raises(TypeError), diff.whole():
        diff.write({"a": object()})
    assert list(tmp_path.iterdir()) == []
    with diff.whole():
        diff.write({"a": 1})
    assert file.read_bytes() == b'{"a":1}\n'
    nowhere = DiffFile(tmp_path / "none" / "diff")
    with pytest.raises(click.ClickException, match="cannot be written"), nowhere.whole():
        pass


def test_that_there_is_no_such_event_is_no_count_of_those_that_stay(capsys: pytest.CaptureFixture[str]) -> None:
    """A code that nobody sent is not "0 events would not change"."""
    show_rest(Findings())
    assert capsys.readouterr().out == "No such event was found.\n"
    show_rest(Findings(same=1))
    assert capsys.readouterr().out == "1 event would not change.\n"
