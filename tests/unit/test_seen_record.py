import msgspec
import pytest
from msgspec.structs import replace

from headrace.normalizer.dedupe import Seen
from headrace.records.held import HeldRange
from headrace.records.mark import IMMUTABLE, UNKNOWN, Mark, pack
from headrace.records.newer_format import NewerFormat
from headrace.records.seen import SeenRecord, decode_record, encode_barrier, encode_record, is_barrier

MARKS = {
    b"a" * 16: Mark(5, 1, (2,), 100),
    b"b" * 16: Mark(UNKNOWN, 2, (9, 7, 5, 3), 100),
    b"c" * 16: Mark(IMMUTABLE, 1, (2,), 100),
    b"d" * 16: Mark(5, 1, (2,), 100, replayed=11),
    b"e" * 16: Mark(UNKNOWN, 2, (9, 7, 5, 3), 100, replayed=13),
}


def test_a_record_says_everything_that_memory_needs() -> None:
    """Position, totals and marks come back from the bytes of a seen record."""
    totals = tuple(range(11))
    record = decode_record(encode_record(55, totals, MARKS))
    seen = Seen()
    seen.apply([record], 7)
    assert (seen.next_offset, seen.totals, seen.read_to) == (55, totals, 7)
    assert seen.marks.find(list(MARKS)) == MARKS


def test_what_a_version_without_replays_wrote_is_read() -> None:
    """Its marks hold meanings alone; and to it a replay in a mark is one more meaning, which nothing equals."""
    row = b"a" * 16 + (5).to_bytes(8, "little") + (2).to_bytes(8, "little") + bytes((100, 0, 0, 0, 1, 0, 2))
    seen = Seen()
    seen.apply([SeenRecord(1, (1,) + (0,) * 9, row, [(b"a" * 16, (3,))])], 1)
    assert seen.marks.find([b"a" * 16]) == {b"a" * 16: Mark(5, 1, (2, 3), 100)}
    rows, more = pack([(b"a" * 16, Mark(5, 1, (2, 3), 100, replayed=11))])
    assert (rows[:-1], rows[-1] & 0x7F, more) == (row[:-1], 2, [(b"a" * 16, (3, 11))])


def test_a_record_without_marks_is_a_position() -> None:
    """A quiet partition rewrites its position: no mark is needed for it."""
    record = decode_record(encode_record(45, (0,) * 10, {}))
    assert (record.next_offset, record.rows, list(record.more)) == (45, b"", [])


def test_records_are_applied_in_order() -> None:
    """Of several records the last says where we stand, and the last mark of an id is kept."""
    seen = Seen()
    first = decode_record(
        encode_record(1, (1,) + (0,) * 9, {b"a" * 16: Mark(5, 1, (2,), 100), b"b" * 16: Mark(UNKNOWN, 2, (5, 3), 100)})
    )
    second = decode_record(encode_record(2, (2,) + (0,) * 9, {b"a" * 16: Mark(6, 1, (4,), 100)}))
    seen.apply([first, second], 4)
    assert (seen.next_offset, seen.totals[0], seen.read_to) == (2, 2, 4)
    assert seen.marks.find([b"a" * 16, b"b" * 16]) == {
        b"a" * 16: Mark(6, 1, (4,), 100),
        b"b" * 16: Mark(UNKNOWN, 2, (5, 3), 100),
    }


def test_nothing_new_moves_only_the_reading_position() -> None:
    """A stretch of the log without committed records is passed over."""
    seen = Seen()
    seen.apply([decode_record(encode_record(3, (3,) + (0,) * 9, {}))], 1)
    seen.apply([], 9)
    assert (seen.next_offset, seen.totals[0], seen.read_to) == (3, 3, 9)


def test_a_barrier_is_no_commit() -> None:
    """It knows no position, and whoever takes it for a commit is told so; no commit is taken for one."""
    assert is_barrier(encode_barrier(b"token"))
    assert not is_barrier(encode_record(0, (0,) * 10, {}))
    with pytest.raises(ValueError, match=r"."):
        decode_record(encode_barrier(b"token"))


def test_a_newer_format_is_refused_with_a_sentence() -> None:
    """A record by a newer program is never skipped."""
    with pytest.raises(NewerFormat, match="format 3, this program reads up to 2: upgrade"):
        decode_record(b"\x03" + encode_record(1, (0,) * 10, {})[1:])
    with pytest.raises(NewerFormat, match="nothing"):
        decode_record(b"")


HELD = HeldRange("/things/acme", 3, 40, 12, 1_800_000_000_000)


def test_a_partition_that_never_held_anything_is_read_by_older_programs() -> None:
    """Its records are of the first format, with ten totals, as 0.1 wrote them; the fate that is new stands at 0."""
    value = encode_record(45, (*range(10), 0), MARKS)
    assert value[0] == 1
    assert msgspec.msgpack.decode(value[5 : 5 + int.from_bytes(value[1:5], "little")])[1] == list(range(10))
    old = msgspec.msgpack.encode([45, list(range(10)), []])
    record = decode_record(b"\x01" + len(old).to_bytes(4, "little") + old)
    assert (record.totals, record.held) == ((*range(10), 0), ())


def test_what_is_held_makes_the_second_format() -> None:
    """A program that does not know the fate would forget what waits: it refuses; the ranges come back."""
    value = encode_record(55, (*range(10), 10), {}, held=[HELD])
    assert (value[0], decode_record(value).held) == (2, (HELD,))
    assert encode_record(55, (*range(10), 10), {})[0] == 2
    assert encode_record(45, (*range(10), 0), {}, held=[HELD])[0] == 2


def test_the_last_word_on_a_source_counts() -> None:
    """A range is said again whenever it changes; one of no records is over, and may begin again."""
    other, over = replace(HELD, source="/things/brio"), replace(HELD, count=0)
    records = [decode_record(encode_record(1, (0,) * 11, {}, held=held)) for held in ([HELD, other], [over], [other])]
    seen = Seen()
    seen.apply(records[:1], 1)
    assert seen.held == {"/things/acme": HELD, "/things/brio": other}
    seen.apply(records[1:], 3)
    assert seen.held == {"/things/brio": other}
    seen.apply(records[:1] + records[:1], 4)
    assert seen.held["/things/acme"] == HELD


@pytest.mark.parametrize("cut", [1, 3, 8, 20, -1])
def test_a_damaged_record_is_refused(cut: int) -> None:
    """Bytes that are missing are noticed."""
    with pytest.raises(ValueError, match=r"."):
        decode_record(encode_record(1, (0,) * 10, MARKS)[:cut])
