"""What feeds share: rows known by their digests, and what an answer is good for."""

from headrace.sdk.http_status import is_object
from headrace.sdk.row_digests import MOST, Digests


def test_rows_are_known_by_their_bytes() -> None:
    """A row is known once it was added, before and after a cursor was written and read."""
    digests = Digests()
    assert digests.add(b"a")
    assert not digests.add(b"a")
    again = Digests(digests.packed())
    assert b"a" in again
    assert b"A" not in again
    assert len(again) == 1


def test_the_oldest_row_is_forgotten_first() -> None:
    """A cursor has a bound: rows that were met again stay, those that were not for longest go."""
    digests = Digests(most=2)
    for row in (b"a", b"b", b"a", b"c"):
        digests.add(row)
    assert [row in digests for row in (b"a", b"b", b"c")] == [True, False, True]
    assert digests.packed() == Digests(digests.packed()).packed()


def test_a_full_cursor_fits_its_topic() -> None:
    """All rows that are remembered, twice, are far below what a record of cursors may have."""
    digests = Digests()
    for number in range(MOST + 10):
        digests.add(str(number).encode())
    assert len(digests) == MOST
    assert len(digests.packed()) * 2 * 4 / 3 < 100_000


def test_only_a_whole_object_is_an_answer() -> None:
    """HTML, half a document, a list and nothing at all are none."""
    assert is_object(b' {"a": [1, {"b": "\\u00e9"}]} \n')
    assert not any(
        map(is_object, (b"<html>", b'{"a": [1', b"[]", b"", b'"{}"', b'{"a":1}}', b"\xff{}", b"[" * 100_000))
    )
