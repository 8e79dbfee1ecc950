"""What is known of rows, in notes of ten minutes, in little memory."""

from collections.abc import Iterator
from random import Random

import pytest

from headrace.providers.leadping import known_rows
from headrace.providers.leadping.hydrate import EventHead
from headrace.providers.leadping.known_rows import SLICE_MS, KnownRows, was_brought
from headrace.sdk.feed import Note
from tests.providers.feeds_kit import NOW, Memory

FEED = "tenant-events"


def an_api() -> Memory:
    return Memory(lambda _: b"")


def stored(api: Memory, notes: Iterator[Note]) -> int:
    """Store notes as the runner does; return how many there were."""
    found = list(notes)
    api.notes.update({(FEED, note.key): note.value for note in found})
    return len(found)


def head(number: int) -> EventHead:
    return EventHead(id=f"e{number}")


def test_only_the_last_state_of_a_row_is_known() -> None:
    """In the turn that saw it, and in later ones."""
    api = an_api()
    known = KnownRows(api, 0)
    for state in (b"queued", b"sent"):
        assert known.state(state, head(1), NOW) == "new"
        known.add(state, head(1), NOW)
        assert stored(api, known.notes()) == 1
    for rows in (known, KnownRows(api, 0)):
        assert [rows.state(state, head(1), NOW) for state in (b"queued", b"sent")] == ["new", "known"]
        assert rows.state(b"sent", head(1), NOW + SLICE_MS) == "new"
    assert stored(api, known.notes()) == 0


def test_a_row_whose_call_goes_on_is_open_and_was_not_brought() -> None:
    """The feed of its lead asks for the call itself."""
    api = an_api()
    known = KnownRows(api, 0)
    known.add(b"row", head(1), NOW, is_open=True)
    stored(api, known.notes())
    assert (known.state(b"row", head(1), NOW), was_brought(api, b"row", head(1), NOW)) == ("open", False)
    known.add(b"row", head(1), NOW)
    stored(api, known.notes())
    assert (known.state(b"row", head(1), NOW), was_brought(api, b"row", head(1), NOW)) == ("known", True)
    assert not was_brought(api, b"row", head(1), None)


def test_what_nobody_looks_back_to_is_not_noted() -> None:
    """It was brought, and is forgotten."""
    api = an_api()
    known = KnownRows(api, NOW // SLICE_MS)
    known.add(b"row", head(1), NOW - SLICE_MS)
    assert stored(api, known.notes()) == 0


def test_a_note_has_room_for_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first make room: they come again."""
    monkeypatch.setattr(known_rows, "MOST_ROWS", 10)
    api = an_api()
    known = KnownRows(api, 0)
    for number in range(15):
        known.add(b"row", head(number), NOW)
    stored(api, known.notes())
    assert [known.state(b"row", head(number), NOW) for number in (4, 5)] == ["new", "known"]
    assert {len(value) for value in api.notes.values()} == {100}


@pytest.mark.parametrize("seed", range(5))
def test_little_is_unpacked_and_nothing_is_lost(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of many slices in any order: what is not in memory is packed, noted or not."""
    monkeypatch.setattr(known_rows, "MOST_LOADED", 20)
    api, dice = an_api(), Random(seed)
    known, states = KnownRows(api, 0), dict[int, bytes]()
    for _ in range(600):
        number = dice.randrange(80)
        made = NOW + number * 7 % 80 * SLICE_MS // 4
        row = b"row %d" % dice.randrange(3)
        assert known.state(row, head(number), made) == ("known" if states.get(number) == row else "new")
        known.add(row, head(number), made)
        states[number] = row
        assert known._loaded <= 20
        if dice.random() < 0.1:
            stored(api, known.notes())
    stored(api, known.notes())
    again = KnownRows(api, 0)
    assert {again.state(row, head(n), NOW + n * 7 % 80 * SLICE_MS // 4) for n, row in states.items()} == {"known"}
