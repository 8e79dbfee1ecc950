import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from headrace.normalizer.mark_table import MarkTable
from headrace.records.mark import IMMUTABLE, ROW, UNKNOWN, Mark, pack, unpack

DIGESTS = st.sampled_from([bytes(8) + bytes([n]) * 8 for n in range(6)] + [bytes([n]) * 16 for n in range(6)])
MEANINGS = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4).map(tuple)
MARKS = st.builds(
    Mark,
    version=st.integers(-1, 2**63 - 1),
    shape=st.integers(0, 2**16 - 1),
    meanings=MEANINGS,
    at=st.integers(0, 2**32 - 1),
    replayed=st.just(0) | st.integers(1, 2**64 - 1),
)


def put(marks: MarkTable, *pairs: tuple[bytes, Mark]) -> None:
    rows, more = pack(pairs)
    marks.put(unpack(rows), more)


def mark(version: int = 1, at: int = 100, *meanings: int) -> Mark:
    return Mark(version, 7, meanings or (5,), at)


def test_what_is_put_is_found() -> None:
    """A digest gives the mark that was put under it, others nothing."""
    marks = MarkTable()
    put(marks, (b"a" * 16, mark(3)), (b"b" * 16, mark(UNKNOWN, 100, 9, 8, 7, 6)), (b"c" * 16, mark(IMMUTABLE)))
    found = marks.find([b"b" * 16, b"x" * 16, b"a" * 16, b"c" * 16, b"a" * 16])
    assert found == {
        b"a" * 16: mark(3),
        b"b" * 16: mark(UNKNOWN, 100, 9, 8, 7, 6),
        b"c" * 16: mark(IMMUTABLE),
    }
    assert len(marks) == 3


def test_an_empty_table_finds_nothing() -> None:
    """Nothing was put and nothing is asked: no error."""
    assert MarkTable().find([b"a" * 16]) == {}
    assert MarkTable().find([]) == {}


def test_nothing_is_put() -> None:
    """A commit without marks changes nothing."""
    marks = MarkTable()
    put(marks)
    assert len(marks) == 0


def test_of_two_marks_in_one_put_the_later_wins() -> None:
    """Records of the log are applied in order even where they are put at once."""
    marks = MarkTable()
    put(marks, (b"a" * 16, mark(1)), (b"b" * 16, mark(5)), (b"a" * 16, mark(2)))
    assert marks.find([b"a" * 16]) == {b"a" * 16: mark(2)}
    assert len(marks) == 2


def test_fewer_meanings_hide_the_old_ones() -> None:
    """A mark that kept four meanings and now keeps one gives that one."""
    marks = MarkTable()
    put(marks, (b"a" * 16, mark(0, 100, 1, 2, 3, 4)))
    put(marks, (b"a" * 16, mark(1, 100, 9)))
    assert marks.find([b"a" * 16])[b"a" * 16].meanings == (9,)
    put(marks, (b"a" * 16, mark(1, 100, 8, 9)))
    assert marks.find([b"a" * 16])[b"a" * 16].meanings == (8, 9)


def test_a_digest_of_zeros_is_kept() -> None:
    """A digest that begins with 64 zero bits is no free slot."""
    marks = MarkTable()
    put(marks, (bytes(16), mark(4)))
    assert marks.find([bytes(16)]) == {bytes(16): mark(4)}


def test_the_table_grows_and_keeps_everything() -> None:
    """Ten thousand ids fit a table that began with room for eleven, and each keeps its mark."""
    marks, rng = MarkTable(11), random.Random(1)
    expected = {rng.randbytes(16): mark(n + 1, n, *range(1, 1 + n % 4 + 1)) for n in range(10_000)}
    pairs = list(expected.items())
    for start in range(0, len(pairs), 300):
        put(marks, *pairs[start : start + 300])
    assert len(marks) == 10_000
    assert marks.find(list(expected)) == expected
    assert marks.nbytes < 100 * len(marks)


def test_old_marks_are_dropped() -> None:
    """What was marked before the limit is gone, with the meanings behind its first; the rest stays."""
    marks, rng = MarkTable(), random.Random(2)
    expected = {rng.randbytes(16): mark(1, at, 1, 2, 3) for at in range(1000)}
    put(marks, *expected.items())
    marks.drop_before(400)
    assert len(marks) == 600
    assert marks.find(list(expected)) == {digest: known for digest, known in expected.items() if known.at >= 400}
    gone = next(digest for digest, known in expected.items() if known.at < 400)
    put(marks, (gone, mark(2, 2000, 7, 8)))
    assert marks.find([gone])[gone].meanings == (7, 8)


def test_nothing_old_drops_nothing() -> None:
    """A sweep without old marks leaves the table as it is."""
    marks = MarkTable()
    put(marks, (b"a" * 16, mark(1, 500)))
    marks.drop_before(500)
    assert len(marks) == 1


def test_a_row_takes_39_bytes() -> None:
    """What one mark costs on the seen topic is known."""
    rows, more = pack([(b"a" * 16, mark())])
    assert (len(rows), more, ROW.itemsize) == (39, [], 39)


def test_half_a_row_is_refused() -> None:
    """Bytes that hold no whole rows are damaged."""
    with pytest.raises(ValueError, match="size"):
        unpack(bytes(40))


@given(st.lists(st.lists(st.tuples(DIGESTS, MARKS), max_size=8), max_size=8), st.integers(1, 40))
def test_marks_behave_like_a_dict(batches: list[list[tuple[bytes, Mark]]], capacity: int) -> None:
    """Whatever is put in whatever batches, colliding digests among them, the table answers as a dict would."""
    marks, model = MarkTable(capacity), dict[bytes, Mark]()
    for batch in batches:
        put(marks, *batch)
        model |= dict(batch)
        assert marks.find(list(model)) == model
        assert len(marks) == len(model)


def test_many_keys_that_want_one_slot() -> None:
    """Keys that all begin their search at one slot find room, each its own."""
    marks = MarkTable(101)
    rows: NDArray[Any] = np.zeros(60, ROW)
    rows["lo"], rows["hi"], rows["version"], rows["count"] = np.arange(1, 61), 101 * np.arange(60), np.arange(60), 1
    marks.put(rows)
    digests = [(n + 1).to_bytes(8, "little") + (101 * n).to_bytes(8, "little") for n in range(60)]
    assert [known.version for known in marks.find(digests).values()] == list(range(60))


@pytest.mark.parametrize("pieces", [0, 1, 2, 5])
def test_whoever_stops_amid_a_put_loses_nothing(pieces: int) -> None:
    """A table that is left while it grows, or while rows are put, has what it had; putting all of them mends it."""
    marks, rng = MarkTable(), np.random.default_rng(3)
    rows: NDArray[Any] = np.zeros(100_000, ROW)
    rows["lo"], rows["hi"] = rng.integers(1, 2**63, (2, len(rows)))
    rows["version"], rows["count"] = np.arange(len(rows)), 1
    digests = [row[:16].tobytes() for row in rows.view(np.uint8).reshape(-1, ROW.itemsize)]
    marks.put(rows[:50_000])
    left = marks.put_in_pieces(rows[50_000:])
    for _ in range(pieces):
        next(left)
    left.close()
    assert [known.version for known in marks.find(digests[:50_000]).values()] == list(range(50_000))
    marks.put(rows)
    assert len(marks) == len(rows)
    assert [known.version for known in marks.find(digests).values()] == list(range(len(rows)))
