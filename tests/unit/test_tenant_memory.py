"""What is remembered of leads stands in columns: dicts are the model."""

import tracemalloc
from collections.abc import Callable
from typing import Any

from hypothesis import given, strategies as st

from headrace.poller import cursor_values
from headrace.poller.cursor_values import MOST_FORMS, CursorValues
from headrace.poller.held_leads import SharedNames
from headrace.poller.positions import Positions
from headrace.poller.sweep import Sweep
from headrace.poller.watched_leads import WatchedLeads
from headrace.records.cursors import Position, Watched

NOW_MS = 1_795_250_000_000
FEW, MANY = 1_000, 9_000
MOST_BYTES = 200
"""A watched lead may take so many, of one feed that reads by lead: see tests/benchmarks/README.md."""
LEADS = st.sampled_from(["", *"abcde", "1", "3f2a1b0c-4a10-11f1-8f00-0242ac120099", "long-" * 9])
TIMES = st.sampled_from([0, 1, NOW_MS, NOW_MS + 1])
VALUES = (
    st.sampled_from(
        [b"", b"x", b'{"read":1795250000000}', b'{"since":1795250000000,"known":"eHh4eHh4eHg="}', b"0" * 40]
    )
    | st.binary(max_size=60)
    | st.from_regex(rb"\A[a-z{]{0,9}[0-9]{0,22}[}0-9a-z]{0,9}\Z")
)
POSITIONS = st.none() | st.builds(Position, VALUES, TIMES, st.sampled_from([0, 0, NOW_MS]))
WATCHED = st.none() | st.builds(
    Watched,
    TIMES,
    st.sampled_from(["settings", "people", "feed", "event"]),
    TIMES,
    st.sampled_from([0, 0, NOW_MS]),
    st.sampled_from([0, 0, 3]),
)


@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), LEADS, POSITIONS), max_size=80))
def test_positions_are_a_dict(changes: list[tuple[str, str, Position | None]]) -> None:
    """By feed and lead, of feeds that are read by lead and of others; nothing of a position is lost."""
    positions, model = Positions(SharedNames()), dict[tuple[str, str], Position]()
    for feed, lead, position in changes:
        if position is None:
            assert positions.pop((feed, lead), None) == model.pop((feed, lead), None)
        else:
            positions[feed, lead] = model[feed, lead] = position
        assert positions.get((feed, lead)) == model.get((feed, lead))
        assert positions.read_at(feed, lead) == (position.at if position else 0)
        assert len(positions) == len(model)
    assert positions == model
    assert sorted(positions.keys_by_lead()) == sorted(key for key in model if key[1])
    assert positions.newest == max((position.at for _, _, position in changes if position), default=0)


@given(st.lists(st.tuples(LEADS, WATCHED), max_size=80))
def test_watched_leads_are_a_dict(changes: list[tuple[str, Watched | None]]) -> None:
    """Nothing of what is known of a lead is lost."""
    leads, model = WatchedLeads(SharedNames()), dict[str, Watched]()
    for lead, watched in changes:
        if watched is None:
            assert leads.pop(lead, None) == model.pop(lead, None)
        else:
            leads[lead] = model[lead] = watched
        assert (lead in leads, len(leads)) == (lead in model, len(model))
        assert leads.added(lead) == (watched.added if watched else 0)
        assert watched is None or leads.woken_at(leads.held.find(lead)) == watched.woken
    assert leads == model


@given(st.lists(st.tuples(st.sampled_from(["one", "two", "watched"]), LEADS, st.booleans()), max_size=120))
def test_a_name_is_there_as_long_as_anybody_holds_it(changes: list[tuple[str, str, bool]]) -> None:
    """Positions outlive the place on the watch-list, and the other way round; no row is mixed up with another."""
    names = SharedNames()
    positions, leads = Positions(names), WatchedLeads(names)
    model = dict[tuple[str, str], int]()
    for number, (kind, lead, there) in enumerate(changes):
        if there:
            model[kind, lead] = number
        else:
            model.pop((kind, lead), None)
        if kind == "watched" and there:
            leads[lead] = Watched(number, "feed")
        elif kind == "watched":
            leads.pop(lead, None)
        elif there:
            positions[kind, lead] = Position(b"%d" % number, number)
        else:
            positions.pop((kind, lead), None)
    found = {("watched", lead): watched.added for lead, watched in leads.items()}
    assert found | {key: position.at for key, position in positions.items()} == model
    assert set(names.names) == {lead for kind, lead in model if lead or kind == "watched"}


@given(st.lists(st.tuples(st.integers(0, 9), VALUES), max_size=80))
def test_values_come_back_byte_for_byte(changes: list[tuple[int, bytes]]) -> None:
    """Whatever a provider writes."""
    values, model = with_rows(10), dict[int, bytes]()
    for row, value in changes:
        values[row] = model[row] = value
        assert all(values[each] == model[each] for each in model)


def test_values_without_end_take_no_forms_without_end() -> None:
    """Values that are alike in nothing are held as they are; those that are cleared make room."""
    values = with_rows(10)
    for number in range(3 * MOST_FORMS):
        values[number % 10] = b"form-%d" % number
    assert values[9] == b"form-%d" % (3 * MOST_FORMS - 1)
    assert len(values._parts) <= cursor_values.MOST_FORMS + 1
    assert len(values._whole) <= 10


def with_rows(count: int) -> CursorValues:
    values = CursorValues()
    for column in (values.forms, values.numbers):
        column.extend([0] * count)
    return values


def bytes_a_lead(hold: Callable[[str], None]) -> float:
    """Return how many bytes a lead takes that `hold` takes up."""
    names = [f"{number:08x}-4a10-11f1-8f00-0242ac120099" for number in range(MANY)]
    for name in names[:FEW]:
        hold(name)
    tracemalloc.start()
    try:
        for name in names[FEW:]:
            hold(name)
        return tracemalloc.get_traced_memory()[0] / (MANY - FEW)
    finally:
        tracemalloc.stop()


def test_a_watched_lead_takes_two_hundred_bytes_at_most() -> None:
    """One in four has had news within a week: its cursor holds the digests of three rows."""
    names = SharedNames()
    state: Any = (WatchedLeads(names), Positions(names), Sweep(300.0))

    def hold(lead: str) -> None:
        leads, positions, sweep = state
        leads[lead] = Watched(NOW_MS + int(lead[:8], 16), "feed", NOW_MS)
        news = b',"known":"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"' if int(lead[:8], 16) % 4 == 0 else b""
        positions["trail", lead] = Position(b'{"read":%d%b}' % (NOW_MS + int(lead[:8], 16), news), NOW_MS)
        sweep.add(lead, NOW_MS / 1000)

    assert bytes_a_lead(hold) <= MOST_BYTES
