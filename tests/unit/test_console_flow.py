"""How much flows: rates and lanes of the last minute, also where only a part of the events was read."""

from collections import Counter

import pytest

from headrace.console.flow import SECONDS, Flow, Tick


def tick(events: int, looked_at: int | None = None, seconds: float = 1.0, **ways: int) -> Tick:
    counts = Counter({tuple(way.split("_")): number for way, number in ways.items()})
    return Tick(seconds, events, events if looked_at is None else looked_at, counts)  # type: ignore[arg-type]  # pairs


def test_nothing_flows_where_nothing_came() -> None:
    """There are lanes all the same."""
    flow = Flow()
    (lane,) = flow.lanes(["one"])
    assert (flow.rate, flow.minute, lane.rate, lane.minute, lane.ways, lane.course) == (0.0, 0, 0.0, 0, {}, [])


def test_a_lane_is_what_came_of_its_platform() -> None:
    """By way, and a second."""
    flow = Flow()
    for _ in range(10):
        flow.add(tick(5, one_webhook=3, one_poll=1, two_poll=1))
    one, two = flow.lanes(["one", "two"])
    assert (flow.rate, flow.minute) == (5.0, 50)
    assert (one.rate, one.minute, one.ways) == (4.0, 40, {"webhook": 30, "poll": 10})
    assert (two.rate, two.minute, two.ways) == (1.0, 10, {"poll": 10})
    assert one.course == [1.0] * 10


def test_what_was_not_read_counts_as_what_was() -> None:
    """Of 1,000 events 10 were read, so each stands for a hundred."""
    flow = Flow()
    flow.add(tick(1_000, 10, one_webhook=7, two_poll=3))
    one, two = flow.lanes(["one", "two"])
    assert (one.minute, two.minute) == (700, 300)
    assert one.ways == {"webhook": 700}
    assert (flow.minute, flow.looked_at) == (1_000, 10)


def test_only_a_minute_is_known() -> None:
    """What came before is forgotten, however long the looks take."""
    flow = Flow()
    for number in range(500):
        flow.add(tick(number, seconds=2.0))
    assert SECONDS <= flow.seconds < SECONDS + 2
    assert flow.minute == sum(range(470, 500))


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0])
def test_the_rate_is_that_of_the_last_seconds(seconds: float) -> None:
    """A burst a minute ago is not now."""
    flow = Flow()
    flow.add(tick(10_000, seconds=seconds))
    for _ in range(40):
        flow.add(tick(2, seconds=seconds))
    assert flow.rate == pytest.approx(2 / seconds)
