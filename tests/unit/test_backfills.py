"""Back-fills of a tenant: which is next, what is stored of it, at what pace it goes."""

import random
from typing import Any, cast

import pytest
from msgspec.structs import replace

from headrace.poller.backfill_runner import BackfillRunner
from headrace.poller.backfill_turn import PATIENT_TRIES, TRIES, may_fail_alone, rest
from headrace.poller.backfills import (
    MOST_ENDED,
    MOST_WAITING,
    PIECES,
    SHORTEST_PIECE_MS,
    Backfills,
    forgotten_at,
    piece,
)
from headrace.poller.clock import Clock
from headrace.poller.leads_in_order import TOGETHER, LeadsInOrder
from headrace.poller.paced_limiter import TurnStopped
from headrace.poller.scheduler import Work
from headrace.poller.state import PartitionState
from headrace.poller.token_bucket import TokenBucket, sustained_rate
from headrace.records.cursors import CursorEntry, decode, encode
from headrace.records.order import StartBackfill
from headrace.records.ordered import Backfill
from headrace.sdk.faults import Denied, Fault, Gone, Incomplete, Rejected, Throttled, Unavailable
from headrace.sdk.limits import CallLimits

SOURCE = "/things/t"
HOUR = 3_600_000
NOW = 1_800_000_000_000


def order(name: str, feed: str = "rows", since: int = NOW - 50 * HOUR, until: int = NOW) -> StartBackfill:
    """Order a back-fill."""
    return StartBackfill(name, feed, since, until, 0.25)


class Table:
    """A table of back-fills whose entries are stored as their records, and read again."""

    def __init__(self) -> None:
        self.memory = PartitionState()
        self.changes = 0
        self.table = self.again()

    def again(self) -> Backfills:
        """Return the table of a poller that takes over."""
        self.table = Backfills(SOURCE, self.memory.of(SOURCE).backfills, self.changed)
        return self.table

    def changed(self) -> None:
        """Count a change."""
        self.changes += 1

    def store(self, entries: list[CursorEntry]) -> list[CursorEntry]:
        """Store entries."""
        records = [encode(one) for one in entries]
        self.memory.apply(decode(record.key or b"", record.written or b"") for record in records)
        return entries


def test_of_one_id_there_is_one_backfill_whoever_polls() -> None:
    """It is the one that was ordered first; the next one begins when it has ended."""
    stored = Table()
    assert stored.store(stored.table.start(order("b1"), NOW))
    assert stored.store(stored.table.start(order("b2"), NOW + 1))
    assert stored.again().start(order("b1", since=NOW - HOUR), NOW + 2) == []
    assert [name for name, _ in filter(None, [stored.table.next(lambda _: True)])] == ["b1"]
    assert stored.store(stored.table.go_on("b1", calls=3, covered=NOW - HOUR))
    found = stored.again().get("b1")
    assert found is not None
    assert (found.calls, found.covered, found.since) == (3, NOW - HOUR, NOW - 50 * HOUR)
    assert stored.store(stored.table.cancel("b1", NOW + 3))
    assert stored.table.cancel("b1", NOW + 4) == stored.table.cancel("b9", NOW) == []
    assert stored.table.go_on("b1", calls=9) == [], "what comes behind the end changes nothing"
    following = stored.again().next(lambda _: True)
    assert following is not None
    assert following[0] == "b2"
    assert stored.table.next(lambda feed: feed != "rows") is None
    assert stored.changes == 3


def test_what_is_remembered_is_bounded() -> None:
    """More than a hundred that wait are refused; of those that ended, the oldest are forgotten."""
    stored = Table()
    for number in range(MOST_WAITING):
        assert stored.store(stored.table.start(order(f"b{number}"), NOW + number))
    assert stored.table.start(order("more"), NOW) == []
    for number in range(MOST_WAITING):
        stored.store(stored.table.cancel(f"b{number}", NOW + number))
    assert stored.store(stored.table.start(order("more"), NOW))
    left = stored.memory.of(SOURCE).backfills
    assert len(left) == MOST_ENDED
    assert {"more", f"b{MOST_WAITING - 1}"} <= set(left)
    assert "b0" not in left


@pytest.mark.parametrize("length", [1, HOUR, HOUR + 1, 7 * HOUR, 100 * HOUR + 13])
def test_pieces_make_up_the_whole(length: int) -> None:
    """One after the other, without a gap, twenty at most and none shorter than an hour but the last."""
    found, pieces = Backfill(feed="rows", since=NOW, until=NOW + length, share=0.25, ordered=NOW), []
    while (span := piece(found))[0] < span[1]:
        pieces.append(span)
        found = replace(found, covered=span[1])
    assert len(pieces) <= PIECES
    assert [begin for begin, _ in pieces] == [NOW, *(end for _, end in pieces[:-1])]
    assert pieces[-1][1] == NOW + length
    assert all(end - begin >= SHORTEST_PIECE_MS for begin, end in pieces[:-1])


def test_what_ids_are_forgotten_of_is_read_no_more() -> None:
    """As that is when a piece or a lead begins, an hour at a time; wherever it is wanted all the same, all is read."""
    found = Backfill(feed="rows", since=NOW - 50 * HOUR, until=NOW, share=0.25, ordered=NOW)
    window = 60 * HOUR
    assert forgotten_at(found, NOW + 10 * HOUR, window) == 0
    late = NOW + 10 * HOUR + 1
    assert forgotten_at(found, late, window) == NOW - 49 * HOUR + 1
    assert forgotten_at(replace(found, beyond=True), late, window) == 0
    assert forgotten_at(replace(found, cursor=b"7"), late, window) == 0, "its turns are all of one span"
    assert forgotten_at(replace(found, covered=NOW - 40 * HOUR), late, window) == 0
    after = replace(found, forgotten=NOW - 49 * HOUR + 1)
    assert forgotten_at(after, late + HOUR, window) == after.forgotten
    assert piece(after)[0] == after.forgotten
    assert forgotten_at(after, NOW + 90 * HOUR, window) == NOW, "there is nothing left to read"


async def test_leads_come_in_order_however_they_change() -> None:
    """Each that is there all the time comes once; none comes twice."""
    dice = random.Random(5)
    leads = {f"{dice.randrange(10**6):06}": None for _ in range(3 * TOGETHER)}
    always, order_, found, at = set(list(leads)[::2]), LeadsInOrder(leads, ["named"]), [], ""
    while (lead := await order_.behind(at)) is not None:
        assert await order_.behind(at) == lead, "a lead that failed is tried again"
        found.append(lead)
        at = lead
        if dice.random() < 0.1:
            gone = dice.choice(list(leads))
            if gone not in always:
                del leads[gone]
            leads[f"{dice.randrange(10**6):06}"] = None
    assert found == sorted(set(found))
    assert always | {"named"} <= set(found)


@pytest.mark.parametrize(
    ("limits", "rate"),
    [
        (CallLimits(per_window=25, window=5.0), 5.0),
        (CallLimits(per_window=25, window=5.0, per_day=8_640), 0.1),
        (CallLimits(per_window=25, window=5.0, per_day=86_400, per_year=366 * 8_640), 0.1),
    ],
)
def test_a_share_of_what_lasts_is_called(limits: CallLimits, rate: float) -> None:
    """However irregularly it is asked for, no more than its share of the calls is made."""
    assert sustained_rate(limits) == pytest.approx(rate)
    dice, bucket, now, made = random.Random(3), TokenBucket(rate * 0.25), 1_000.0, 0
    while now < 1_000.0 + 400.0 / rate:
        if (wait := bucket.wait(now)) == 0.0:
            bucket.take(now)
            made += 1
        now += max(wait, dice.uniform(0.0, 0.1 / rate))
    assert 90 <= made <= 101


class Ends(BackfillRunner):
    """What follows from the ends of turns alone."""

    def __init__(self) -> None:
        self._source, self._clock, self._rests, self._gone_in_a_row = SOURCE, Clock(lambda: 0.0), {}, 0  # type: ignore[misc]  # the rest is not looked at
        self._redacts = False  # type: ignore[misc]  # as above

    def after(
        self,
        error: Exception | None,
        lead: str | None = "l",
        failures: int = 0,
        left_out: int = 0,
        *,
        alone: bool = False,
    ) -> dict[str, Any]:
        """Return what changes with the end of a turn."""
        so_far: dict[str, Any] = {"failures": failures, "done": 4, "gone": 2, "left_out": left_out}
        found = Backfill(feed="f", since=0, until=1, share=1.0, ordered=0, **so_far)
        self._rests.clear()
        behind = {"lead": lead} if lead else {"covered": 9}
        return self._ended("b1", found, Work("f", lead), error, behind, alone=alone)

    @property
    def rests(self) -> float:
        """Seconds until the next turn."""
        return round(self._rests.get("b1", 0.0) - self._clock.now(), 1)


def test_a_turn_that_succeeded_moves_on() -> None:
    """Behind its lead, or its piece of time; one that was stopped stays where its cursor is."""
    ends = Ends()
    well = {"failures": 0, "code": "", "sentence": "", "cursor": b""}
    assert ends.after(None) == {**well, "done": 5, "lead": "l"}
    assert ends.after(None, None) == {**well, "done": 4, "covered": 9}
    assert "sentence" not in ends.after(None, left_out=1), "why a lead was left out is not forgotten"
    assert ends.after(TurnStopped("f")) == {}
    assert ends.rests <= 0.0


@pytest.mark.parametrize(
    ("fault", "failures", "rest"),
    [
        (Unavailable("503"), 0, 10.0),
        (Unavailable("503"), 1, 20.0),
        (Unavailable("503"), 90, 48.0),
        (Denied("401"), 90, 3_600.0),
        (Throttled("429", 77.0), 3, 77.0),
        (Rejected("400"), 0, 10.0),
    ],
)
def test_a_failure_makes_it_rest_longer_each_time(fault: Fault, failures: int, rest: float) -> None:
    """It does not go on behind what failed, and says why."""
    ends = Ends()
    assert ends.after(fault, failures=failures) == {
        "failures": failures + 1,
        "code": fault.code,
        "sentence": str(fault),
    }
    assert ends.rests == rest


def test_a_lead_that_is_gone_is_passed_over() -> None:
    """From the third in a row on each is tried five times: it may be a gateway that does not know any."""
    ends = Ends()
    for _ in range(2):
        assert ends.after(Gone("404"))["gone"] == 3
    for failures in range(TRIES - 1):
        assert "lead" not in ends.after(Gone("404"), failures=failures)
    assert ends.after(Gone("404"), failures=TRIES - 1)["lead"] == "l"
    ends.after(None)
    assert ends.after(Gone("404"))["lead"] == "l"


def test_a_lead_that_is_refused_is_left_out_in_the_end() -> None:
    """What may pass is tried for ever; so is what is no lead."""
    ends = Ends()
    last = TRIES - 1
    assert ends.after(Rejected("400"), failures=last)["left_out"] == 1
    assert ends.after(cast("Exception", ZeroDivisionError()), failures=last)["left_out"] == 1
    for fault in (Unavailable("503"), Denied("401"), Throttled("429", None), TimeoutError()):
        assert "lead" not in ends.after(fault, failures=last)
    assert "covered" not in ends.after(Rejected("400"), None, failures=last)


@pytest.mark.parametrize(("fault", "tries"), [(Unavailable("503"), 12), (Incomplete("lacks"), 12), (Denied("401"), 5)])
def test_a_lead_that_fails_alone_is_left_out_in_the_end(fault: Fault, tries: int) -> None:
    """Once it has failed for minutes it is seen whether another comes; budgets and Kafka are no lead's trouble."""
    ends = Ends()
    found = [
        Backfill(feed="f", since=0, until=1, share=1.0, ordered=0, failures=failures, code=fault.code)
        for failures in range(20)
    ]
    assert [may_fail_alone(one) for one in found].index(True) == tries - 1
    assert ends.after(fault, failures=tries - 1, alone=True)["left_out"] == 1
    for other in (Throttled("429", None), TimeoutError()):
        assert "lead" not in ends.after(other, failures=tries - 1, alone=True)
    assert sum(rest(Unavailable("503"), failures) for failures in range(PATIENT_TRIES - 1)) > 400


def test_while_a_backfill_rests_the_next_one_is_read() -> None:
    """In the order in which they were ordered."""
    stored = Table()
    for number in range(3):
        stored.store(stored.table.start(order(f"b{number}"), NOW + number))
    assert [
        found[0] for but in ((), ("b0",), ("b1", "b0")) if (found := stored.table.next(lambda _: True, but=but))
    ] == [
        "b0",
        "b1",
        "b2",
    ]
    assert stored.table.next(lambda _: True, but=("b0", "b1", "b2")) is None
