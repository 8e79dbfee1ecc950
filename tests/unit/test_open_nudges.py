"""Nudges stay open until a feed has brought what they stand for, or has not in three whole reads."""

import pytest

from headrace.poller import open_nudges
from headrace.poller.open_nudges import READS, OpenNudges
from headrace.poller.scheduler import Work
from headrace.records.cursors import OpenNudge, decode, encode
from headrace.records.nudge import AddressedNudge

SOURCE = "/things/t"
EVENT = Work("rows", None, "7")
LEAD = Work("trail", "a")
NUDGE = AddressedNudge(feed="rows", event="7", partition=2, offset=40, time=1)
HOURS = 3_600.0


def opened(*works: Work, now: float = 100.0) -> OpenNudges:
    """Return nudges that came at a time, with nothing left to store."""
    nudges = OpenNudges(SOURCE, {})
    for work in works:
        nudges.open(work, NUDGE, now)
    nudges.take_unstored()
    return nudges


def test_a_nudge_is_stored_and_comes_back() -> None:
    """What is open after a crash is woken again at once, and knows the record that it stands for."""
    nudges = OpenNudges(SOURCE, {})
    nudges.open(EVENT, NUDGE, 100.0)
    (stored,) = nudges.take_unstored()
    assert nudges.take_unstored() == []
    out = encode(stored)
    found = decode(out.key, out.value)
    assert found.value == OpenNudge(2, 40, came=100_000)
    again = OpenNudges(SOURCE, {("rows", "", "7"): OpenNudge(2, 40, came=100_000, reads=1)})
    assert list(again.due(0.0)) == [EVENT]


def test_what_was_read_closes_its_nudge() -> None:
    """A row of that id, appended or not, is what the nudge stood for."""
    nudges = opened(EVENT)
    nudges.read(EVENT, 101.0, {"7", "8"}, 102.0)
    assert len(nudges) == 0
    (removed,) = nudges.take_unstored()
    assert (removed.kind, removed.names, removed.value) == ("nudge", ("rows", "", "7"), None)


def test_a_run_that_began_before_its_nudge_says_nothing() -> None:
    """It may have passed the place before there was anything to read."""
    nudges = opened(EVENT, LEAD)
    nudges.read(EVENT, 100.0, {"7"}, 102.0)
    nudges.read(LEAD, 99.0, (), 102.0)
    assert len(nudges) == 2
    assert nudges.take_unstored() == []


def test_three_whole_reads_in_vain_return_the_record() -> None:
    """Each is asked for a while after the one before; a failed run, which is never told of, does not count."""
    nudges, now = opened(EVENT), 100.0
    for number in range(READS):
        assert nudges.in_vain() == []
        assert list(nudges.due(now)) == []
        now += HOURS
        assert list(nudges.due(now)) == [EVENT]
        nudges.read(EVENT, now, {"8"}, now)
        (stored,) = nudges.take_unstored()
        assert stored.value == OpenNudge(2, 40, came=100_000, reads=number + 1)
    ((key, found),) = nudges.in_vain()
    assert (found.partition, found.offset) == (2, 40)
    assert list(nudges.due(now + HOURS)) == []
    nudges.close(key)
    assert nudges.in_vain() == []


def test_only_a_run_that_asked_for_the_event_counts() -> None:
    """A sweep over its lead may have left the row out, because it knew it."""
    work = Work("trail", "a", "7")
    nudges = opened(work)
    for number in range(9):
        nudges.read(LEAD, 101.0 + number, (), 102.0)
        nudges.read(Work("trail", "a", "8"), 101.0 + number, {"8"}, 102.0)
    assert nudges.in_vain() == []
    assert len(nudges) == 1


def test_a_nudge_without_an_event_is_closed_by_one_whole_read() -> None:
    """A list was read behind it, for whatever reason, and held what there was."""
    nudges = opened(LEAD, Work("rows"))
    nudges.read(Work("trail", "a", "8"), 101.0, {"8"}, 102.0)
    nudges.read(Work("trail", "b"), 101.0, (), 102.0)
    assert len(nudges) == 1
    nudges.read(Work("rows"), 101.0, (), 102.0)
    assert len(nudges) == 0


def test_several_nudges_for_one_place_are_one() -> None:
    """The latest says where the record stands, and what a read has to begin behind."""
    nudges = opened(EVENT)
    later = AddressedNudge(feed="rows", event="7", partition=2, offset=90)
    nudges.open(EVENT, later, 200.0)
    assert len(nudges) == 1
    nudges.read(EVENT, 150.0, {"7"}, 201.0)
    assert len(nudges) == 1
    (stored,) = nudges.take_unstored()
    assert stored.value == OpenNudge(2, 90, came=200_000)


def test_what_is_more_than_may_be_open_is_returned_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory for nudges is bounded; what does not fit is published as told, never lost."""
    monkeypatch.setattr(open_nudges, "MOST", 2)
    nudges = opened(*(Work("rows", None, str(number)) for number in range(3)))
    assert [key for key, _ in nudges.in_vain()] == [("rows", "", "2")]
