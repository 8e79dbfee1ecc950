"""Nudges stay open until a row that their feed read says the same, or none has in three whole reads."""

import asyncio
import random

import pytest
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.poller import open_nudges
from headrace.poller.clock import Clock
from headrace.poller.nudge_table import ReadRow
from headrace.poller.nudge_wakes import FAR_TOGETHER_SECONDS, WAKE_AGAIN_SECONDS
from headrace.poller.open_nudges import BROUGHT_SECONDS, READS, OpenNudges
from headrace.poller.row_watch import RowWatch
from headrace.poller.scheduler import EVENTS_BY_LEAD, Work
from headrace.poller.state import TenantState
from headrace.records.cursors import OpenNudge, decode, encode
from headrace.records.nudge import AddressedNudge
from headrace.records.raw import to_raw_record
from headrace.sdk.feed import AROUND_MS
from headrace.sdk.provider import RawEvent
from tests.fake_provider import FAKE, account, thing
from tests.unit.ledgers import ledger_of

SOURCE = "/things/t"
DAY = 86_400.0
WINDOW = 30 * DAY
HOUR = 3_600.0
HOURS_MS = 3_600_000
EVENT = Work("rows", event="7")
LEAD = Work("trail", "a")
BY_ID = AddressedNudge(feed="rows", event="7", partition=2, offset=40, record="07", time=1)
OF_LEAD = AddressedNudge(feed="trail", lead="a", partition=2, offset=41, record="0a", time=1)
BY_TRAITS = AddressedNudge(
    feed="trail",
    lead="a",
    partition=2,
    offset=42,
    record="0b",
    time=1_000_000,
    types=("email.opened",),
    traits={"lead": "a", "mailing": "5"},
    span=60,
)


def opened(
    *nudges: AddressedNudge, now: float = 100.0, stored: dict[tuple[str, str], OpenNudge] | None = None
) -> OpenNudges:
    """Return nudges that came at a time, with nothing left to store."""
    found = OpenNudges(SOURCE, stored or {}, ["trail"], window=WINDOW, raw_lifetime=WINDOW)
    for nudge in nudges:
        assert found.open(nudge, now)
    found.take_unstored()
    return found


def read(nudges: OpenNudges, work: Work, began: float) -> None:
    """Note a whole successful read, while the platform's clock is ours."""
    nudges.read(work, began, began)


def in_vain(nudges: OpenNudges, work: Work, now: float = 101.0) -> float:
    """Note as many whole reads as are enough, each late enough; return when the last began."""
    for _ in range(READS):
        now += HOUR
        read(nudges, work, now)
    return now


def going_back(nudges: OpenNudges, now: float) -> list[AddressedNudge]:
    """Return what goes back to raw once it is stored that it does."""
    nudges.in_vain(now)
    nudges.take_unstored()
    return nudges.in_vain(now)


def which(nudges: OpenNudges, type_: str, time: float | None = 1_000.0, **traits: str) -> tuple[str, str] | None:
    """Return which nudge a row of this type and time (s) says."""
    return nudges.same_fact("trail", ReadRow(type_, traits, None if time is None else int(time * 1000)), ())


def test_a_nudge_is_stored_and_comes_back() -> None:
    """What is open after a crash is woken again at once, and knows the record that it stands for."""
    nudges = opened()
    nudges.open(BY_TRAITS, 100.0)
    (stored,) = nudges.take_unstored()
    assert nudges.take_unstored() == []
    out = encode(stored)
    found = decode(out.key, out.value)
    assert found.value == OpenNudge(BY_TRAITS, came=100_000)
    again = opened(stored={("trail", "0b"): OpenNudge(BY_TRAITS, came=100_000, reads=1)})
    assert list(again.due(0.0)) == [BY_TRAITS]
    assert which(again, "email.opened", lead="a") == ("trail", "0b")


def test_a_row_of_the_same_record_closes_its_nudge() -> None:
    """Resource and id are the same, so that the record's key is: nothing more has to be remembered."""
    nudges = opened(BY_ID)
    assert nudges.same_record("rows", "08") is None
    assert nudges.same_record("trail", "07") is None
    assert nudges.same_record("rows", "07") == ("rows", "07")
    entry = nudges.bring(BY_ID, "07", 102.0)
    assert entry is not None
    assert (entry.kind, entry.names, entry.value) == ("nudge", ("rows", "07"), None)
    assert len(nudges) == nudges.bytes == 0


def test_a_later_nudge_of_the_same_record_is_not_closed_by_an_earlier_row() -> None:
    """A row that was read before the next version was heard of does not say it."""
    nudges = opened(BY_ID)
    later = replace(BY_ID, offset=90)
    assert nudges.open(later, 101.0)
    assert nudges.bring(BY_ID, "07", 102.0) is None
    assert len(nudges) == 1
    nudges.returned(BY_ID, 103.0)
    assert list(nudges.due(DAY)) == [later]


@pytest.mark.parametrize(
    ("type_", "time", "traits"),
    [
        ("email.opened", 1_000.0, {"lead": "a", "mailing": "5"}),
        ("email.opened", 1_060.0, {"mailing": "5"}),
        ("email.opened", 940.0, {"lead": "a", "user": "9"}),
        ("email.opened", None, {"lead": "a"}),
    ],
)
def test_where_no_id_is_shared_type_traits_and_time_agree(
    type_: str, time: float | None, traits: dict[str, str]
) -> None:
    """What one of them does not name says nothing against it."""
    assert which(opened(BY_TRAITS), type_, time, **traits) == ("trail", "0b")


@pytest.mark.parametrize(
    ("type_", "time", "traits"),
    [
        ("email.clicked", 1_000.0, {"lead": "a", "mailing": "5"}),
        ("email.opened", 1_061.0, {"lead": "a", "mailing": "5"}),
        ("email.opened", 1_000.0, {"lead": "a", "mailing": "6"}),
        ("email.opened", 1_000.0, {"user": "5"}),
        ("email.opened", 1_000.0, {}),
    ],
)
def test_what_differs_says_something_else(type_: str, time: float, traits: dict[str, str]) -> None:
    """Another type, another record, another time; and something has to be the same."""
    assert which(opened(BY_TRAITS), type_, time, **traits) is None


def test_one_row_brings_one_fact() -> None:
    """Of two facts alike, the row belongs to the nearer one, and never to the other, however often it is read."""
    other = replace(BY_TRAITS, record="0c", offset=43, time=1_030_000)
    nudges = opened(BY_TRAITS, other)
    assert which(nudges, "email.opened", 1_020.0, lead="a") == ("trail", "0c")
    assert nudges.bring(other, "r1", 102.0)
    assert nudges.of_row("trail", "r1") is not None
    assert len(nudges) == 1
    assert which(nudges, "email.opened", 1_020.0, lead="a") == ("trail", "0b")
    assert nudges.open(other, 103.0)  # the same fact once more
    assert len(nudges) == 1
    nudges.expire(102.0 + BROUGHT_SECONDS + 1)
    assert nudges.of_row("trail", "r1") is None


def test_a_read_that_began_before_its_nudge_says_nothing() -> None:
    """It may have passed the place before there was anything to read."""
    nudges = opened(BY_ID, OF_LEAD)
    read(nudges, EVENT, 100.0)
    read(nudges, LEAD, 99.0)
    assert nudges.take_unstored() == []


def test_a_read_that_began_before_the_fact_says_nothing() -> None:
    """By the platform's clock; a fact that is to be far in the future has a wrong time."""
    soon, wrong = replace(OF_LEAD, time=500_000), replace(OF_LEAD, record="0d", time=10**13)
    nudges = opened(soon, wrong)
    nudges.read(LEAD, 600.0, 499.0)
    assert nudges.take_unstored() == []
    nudges.read(LEAD, 600.0, 500.0)
    assert [one.names for one in nudges.take_unstored()] == [("trail", "0a")]
    read(nudges, LEAD, 100.0 + open_nudges.AHEAD_SECONDS)
    assert {one.names for one in nudges.take_unstored()} == {("trail", "0a"), ("trail", "0d")}


def test_a_read_that_did_not_look_back_to_the_fact_says_nothing() -> None:
    """Its row may have been read before the webhook came."""
    nudges = opened(BY_TRAITS)
    nudges.read(LEAD, 2_000.0, 2_000.0, since=1_000_001)
    assert nudges.take_unstored() == []
    nudges.read(LEAD, 2_000.0, 2_000.0, since=1_000_000)
    assert len(nudges.take_unstored()) == 1


def test_a_fact_before_what_its_feed_looks_back_to_wakes_turns_around_it() -> None:
    """Three of them in vain return its record; turns around other facts say nothing about it."""
    late = replace(BY_TRAITS, time=int(50 * DAY * 1000) + 7 * HOURS_MS)
    nudges, now = opened(late, now=60 * DAY), 60 * DAY + 1
    assert nudges.around(late) is None
    nudges.read(LEAD, now, now, since=late.time + 1)
    around = int(50 * DAY * 1000) + AROUND_MS
    assert nudges.around(late) == around
    assert nudges.take_unstored() == []
    for number in range(READS):
        now += HOUR
        assert nudges.in_vain(now) == []
        assert list(nudges.due(now)) == [late]
        nudges.read(Work("trail", "a", around=around - AROUND_MS), now, now)
        nudges.read(LEAD, now, now, since=late.time + 1)
        assert nudges.take_unstored() == []
        nudges.read(Work("trail", "a", around=around), now, now, since=late.time + 1)
        (stored,) = nudges.take_unstored()
        assert isinstance(stored.value, OpenNudge)
        assert stored.value.reads == number + 1
    assert nudges.in_vain(now) == [late]


def test_facts_that_were_decided_late_are_woken_together() -> None:
    """They come one by one: each turn around their hours is for all that came meanwhile."""
    late = [replace(BY_TRAITS, record=f"{number:02}", lead=None, feed="rows") for number in range(9)]
    nudges = opened(now=2 * HOUR)
    for number, nudge in enumerate(late):
        assert nudges.open(nudge, 2 * HOUR + number)
        began = 2 * HOUR + number + 0.5
        nudges.read(Work("rows"), began, began, since=2_000_000)
    assert list(nudges.due(2 * HOUR + FAR_TOGETHER_SECONDS - 1)) == []
    assert list(nudges.due(2 * HOUR + FAR_TOGETHER_SECONDS)) == late


def test_few_turns_around_facts_of_a_lead_are_woken_together() -> None:
    """Facts of the same hours need one turn."""
    late = [
        replace(BY_TRAITS, record=f"{number:02}", time=number // 3 * AROUND_MS) for number in range(3 * EVENTS_BY_LEAD)
    ]
    nudges = opened(*late, now=50 * HOUR)
    nudges.read(LEAD, 51 * HOUR, 51 * HOUR, since=late[-1].time + 1)
    first = list(nudges.due(52 * HOUR))
    assert {nudges.around(nudge) for nudge in first} == {number * AROUND_MS for number in range(EVENTS_BY_LEAD - 1)}
    assert len(first) == 3 * (EVENTS_BY_LEAD - 1)
    assert len(list(nudges.due(52 * HOUR + 1))) == 3


def test_an_event_that_is_read_by_itself_needs_no_looking_back() -> None:
    """Its feed asks for that event, whenever it was."""
    nudges = opened(replace(OF_LEAD, event="7"))
    nudges.read(Work("trail", "a", "7"), 2_000.0, 2_000.0, since=1_000_000)
    assert len(nudges.take_unstored()) == 1


def test_around_a_fact_only_the_row_that_brings_it_is_wanted() -> None:
    """The other rows were read when they were new."""
    nudge = replace(BY_TRAITS, types=("call.completed",), traits={"pad": "x"}, span=10**10)
    nudges = opened(nudge)
    rows = [thing("5", size=1), thing("6", size=2)]
    for work, wanted in ((LEAD, [True, True]), (Work("trail", "a", around=0), [True, False])):
        watch = watch_of(nudges, work)
        keys = [to_raw_record(FAKE, row).key for row in rows]
        for row, key in zip(rows, keys, strict=True):
            assert not watch.saw(row, key)
        assert [watch.wants(key) for key in keys] == wanted
        watch.release()


def test_three_whole_reads_in_vain_return_the_record() -> None:
    """Each counts from a while after the one before; a failed run, which is never heard of, does not count."""
    nudges, now = opened(BY_ID), 101.0
    for number in range(READS):
        assert nudges.in_vain(now) == []
        read(nudges, EVENT, now)
        read(nudges, EVENT, now + 1)
        (stored,) = nudges.take_unstored()
        assert stored.value == OpenNudge(BY_ID, came=100_000, reads=number + 1, looked=int(now * 1000))
        now += HOUR
    assert list(nudges.due(now + HOUR)) == []
    assert nudges.in_vain(now) == [BY_ID]
    assert nudges.in_vain(now) == [BY_ID]  # until it is in raw
    nudges.returned(BY_ID, now)
    assert nudges.in_vain(now) == []
    assert (len(nudges), nudges.bytes) == (0, 0)


def test_what_is_not_read_is_woken_again() -> None:
    """A wake may get lost where too much is woken."""
    nudges = opened(BY_ID)
    assert list(nudges.due(101.0)) == []
    assert list(nudges.due(100.0 + WAKE_AGAIN_SECONDS)) == [BY_ID]
    assert list(nudges.due(101.0 + WAKE_AGAIN_SECONDS)) == []


def test_few_events_of_a_lead_are_woken_together() -> None:
    """More of them would be read by reading their lead, and none of them would be looked for by itself."""
    nudges = opened(*(replace(OF_LEAD, event=str(number), record=f"{number:02}") for number in range(7)))
    first = list(nudges.due(HOUR))
    assert len(first) == EVENTS_BY_LEAD - 1
    for nudge in first:
        read(nudges, Work("trail", "a", nudge.event), HOUR)
    assert len(set(map(str, [*first, *nudges.due(HOUR + 1), *nudges.due(HOUR + 2)]))) == 7


def test_what_is_stored_is_what_is_remembered() -> None:
    """After any story, whoever reads the log knows the same, but for what was woken when."""
    dice = random.Random(20261129)
    nudges, log = opened(), TenantState()
    for number in range(3_000):
        now = 1_000.0 + number * 30
        record = f"{dice.randrange(40):02}"
        nudge = dice.choice(
            (
                replace(BY_ID, record=record, event=record, offset=number),
                replace(BY_TRAITS, record=f"b{record}", offset=number, time=int(now * 1000)),
            )
        )
        match dice.randrange(5):
            case 0:
                nudges.open(nudge, now)
            case 1:
                read(nudges, dice.choice((LEAD, Work("rows", event=record))), now)
            case 2:
                key = nudges.same_record("rows", record) or which(nudges, "email.opened", now, lead="a")
                found = nudges.hold(key) if key else None
                if found is not None and (entry := nudges.bring(found.nudge, f"row {number}", now)):
                    log.apply(entry)
            case 3:
                for vain in nudges.in_vain(now):
                    nudges.returned(vain, now)
            case _:
                nudges.expire(now)
        for stored in nudges.take_unstored():
            log.apply(stored)
        if number % 100 == 0:
            again = opened(stored=log.nudges)
            assert (len(again), again.bytes) == (len(nudges), nudges.bytes)
            assert sorted(map(str, again.due(now + DAY))) == sorted(map(str, nudges.due(now + DAY)))
    assert any(one.returned for one in log.nudges.values())


def test_only_a_read_of_what_the_nudge_names_counts() -> None:
    """A sweep over its lead may not look at the event, and the list of another lead does not hold it."""
    nudges = opened(replace(OF_LEAD, event="7"))
    for work in (LEAD, Work("trail", "a", "8"), Work("trail", "b", "7"), Work("rows", "a", "7")):
        in_vain(nudges, work)
    assert nudges.in_vain(DAY) == []


def test_what_is_published_as_told_makes_its_row_a_duplicate() -> None:
    """Where no id is shared, the pair is remembered for as long as a copy counts as one."""
    nudges = opened(BY_TRAITS)
    now = in_vain(nudges, LEAD)
    assert going_back(nudges, now) == [BY_TRAITS]
    key = which(nudges, "email.opened", lead="a")
    assert key is not None
    found = nudges.hold(key)
    assert found is not None
    assert found.returned
    nudges.release(key)
    nudges.returned(BY_TRAITS, now)
    assert len(nudges) == 0
    entry = nudges.bring(BY_TRAITS, "r9", now + 1)
    assert entry is not None
    assert isinstance(entry.value, OpenNudge)
    assert (entry.value.row, entry.value.returned) == ("r9", True)
    nudges.expire(now + WINDOW - 1)
    assert nudges.of_row("trail", "r9") is not None
    nudges.expire(now + WINDOW + 1)
    assert (nudges.of_row("trail", "r9"), nudges.bytes) == (None, 0)


def test_a_row_that_comes_before_its_record_is_back_does_not_stop_it() -> None:
    """The row is a twin, which nobody publishes: the record has to be, though Kafka did not take it at first."""
    nudges = opened(BY_TRAITS)
    now = in_vain(nudges, LEAD)
    assert going_back(nudges, now) == [BY_TRAITS]  # and to append it failed
    found = nudges.hold(("trail", "0b"))
    assert found is not None
    assert found.returned
    entry = nudges.bring(BY_TRAITS, "r9", now + 1)
    assert entry is not None
    assert isinstance(entry.value, OpenNudge)
    assert nudges.in_vain(now + 2) == [BY_TRAITS]
    again = opened(stored={("trail", "0b"): entry.value})
    assert again.in_vain(now + 2) == [BY_TRAITS]
    again.returned(BY_TRAITS, now + 3)
    assert again.in_vain(now + 4) == []
    assert again.of_row("trail", "r9") is not None


def test_a_row_of_the_same_record_is_never_a_twin() -> None:
    """Whichever of them raw has first is published, and the other is known by its id."""
    row = thing("7", size=1)
    record = to_raw_record(FAKE, row).key.hex()
    for nudge in (replace(OF_LEAD, record=record), replace(BY_TRAITS, record=record)):
        nudges = opened(nudge)
        assert going_back(nudges, in_vain(nudges, LEAD)) == [nudge]
        watch = watch_of(nudges, LEAD)
        assert not saw(watch, row)
        assert not saw(watch, row)
        watch.settle()
        assert len(nudges) == 0


def test_a_row_on_its_way_keeps_its_record_from_going_back() -> None:
    """Else both would be published: it was read, and will be durable in a moment."""
    nudges = opened(BY_TRAITS)
    now = in_vain(nudges, LEAD)
    nudges.hold(("trail", "0b"))
    assert nudges.in_vain(now) == []
    nudges.release(("trail", "0b"))
    assert going_back(nudges, now) == [BY_TRAITS]


def test_a_record_on_its_way_back_goes_there_though_its_row_comes_meanwhile() -> None:
    """The row is a duplicate of it: were the record not appended after all, nobody would publish the fact."""
    nudges = opened(BY_TRAITS)
    now = in_vain(nudges, LEAD)
    assert nudges.in_vain(now) == [BY_TRAITS]
    nudges.hold(("trail", "0b"))
    entry = nudges.bring(BY_TRAITS, "r9", now)
    assert entry is not None
    assert isinstance(entry.value, OpenNudge)
    assert (entry.value.row, entry.value.ended) == ("r9", 0)
    assert nudges.in_vain(now) == [BY_TRAITS]
    nudges.returned(BY_TRAITS, now)
    assert nudges.in_vain(now) == []
    found = nudges.of_row("trail", "r9")
    assert found is not None
    assert found.returned


def test_the_row_of_the_same_id_is_no_duplicate_though_its_record_is_on_its_way_back() -> None:
    """Whichever comes first is published: the normalizer knows the other by its id."""
    row = thing("7")
    nudge = replace(BY_ID, record=to_raw_record(FAKE, row).key.hex())
    nudges = opened(nudge)
    assert nudges.in_vain(in_vain(nudges, EVENT)) == [nudge]
    watch = watch_of(nudges, EVENT)
    assert not saw(watch, row)
    assert not saw(watch, row)
    assert [one.value for one in watch.settle()] == [None]
    assert nudges.in_vain(DAY) == []


def test_nothing_is_expected_of_a_lead_that_is_gone() -> None:
    """The platform does not know it any more: what was left to its feed is published."""
    nudges = opened(OF_LEAD, BY_TRAITS)
    nudges.give_up("trail", "b")
    assert nudges.in_vain(101.0) == []
    nudges.give_up("trail", "a")
    assert going_back(nudges, 101.0) == [OF_LEAD, BY_TRAITS]


def test_a_record_goes_back_before_raw_forgets_it() -> None:
    """An outage never counts as a read, but nothing is lost to one either."""
    nudges = opened(BY_ID)
    assert nudges.in_vain(100.0 + 0.7 * WINDOW) == []
    assert nudges.in_vain(100.0 + 0.81 * WINDOW) == [BY_ID]


def test_the_time_before_it_was_taken_counts() -> None:
    """A poller that was away for long takes what raw forgets soon."""
    nudges = opened()
    assert nudges.open(BY_ID, 0.5 * WINDOW, written=100_000)
    assert nudges.in_vain(100.0 + 0.7 * WINDOW) == []
    assert nudges.in_vain(100.0 + 0.81 * WINDOW) == [BY_ID]


def test_nudges_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended makes room for what is open; where there is none, the record has to go back at once."""
    size = opened(BY_TRAITS).bytes
    monkeypatch.setattr(open_nudges, "MOST_BYTES", 3 * size)
    nudges = opened(*(replace(BY_TRAITS, record=f"{number:02}") for number in range(3)))
    crowded = replace(BY_TRAITS, record="03")
    assert not nudges.open(crowded, 100.0)
    assert not nudges.overfull
    assert going_back(nudges, 100.0) == [crowded]
    nudges.returned(crowded, 100.0)
    assert nudges.bytes == 3 * size
    assert nudges.bring(replace(BY_TRAITS, record="00"), "r", 101.0)
    assert nudges.open(replace(BY_TRAITS, record="04"), 102.0)
    assert len(nudges) == 3
    assert nudges.bytes <= 3 * size


def watch_of(nudges: OpenNudges, work: Work, tenant: Account | None = None) -> RowWatch:
    """Return what watches the rows of a run."""
    of = tenant or account("acme")
    return RowWatch(nudges, ledger_of(of.source), of, work, clock=Clock(lambda: 200.0), stored=asyncio.Event())


def saw(watch: RowWatch, raw: RawEvent) -> bool:
    """Let a row be read; return whether its fact was published as told already."""
    return watch.saw(raw, to_raw_record(FAKE, raw).key)


def test_rows_count_once_they_are_durable() -> None:
    """What a run saw closes nothing before it is settled, and nothing at all where the run fails."""
    row = thing("7")
    nudges = opened(replace(BY_ID, record=to_raw_record(FAKE, row).key.hex()))
    failed = watch_of(nudges, EVENT)
    assert not saw(failed, row)
    failed.release()
    assert len(nudges) == 1
    watch = watch_of(nudges, EVENT)
    assert not saw(watch, thing("8"))
    assert watch.settle() == []
    assert not saw(watch, row)
    assert [one.value for one in watch.settle()] == [None]
    assert len(nudges) == 0
    assert not watch.waits


def test_rows_of_other_ids_are_compared_by_what_they_become() -> None:
    """A row that becomes no event says nothing; two rows are not one fact."""
    nudge = replace(BY_TRAITS, types=("call.completed",), traits={"pad": "x"}, span=10**10)
    nudges = opened(nudge)
    watch = watch_of(nudges, LEAD)
    for nothing in (thing("1", do="bad"), thing("2", do="mirror"), thing("3", code="waker", size=1), thing("4")):
        assert not saw(watch, nothing)
        assert watch.settle() == []
    assert not saw(watch, thing("5", size=1))
    assert not saw(watch, thing("6", size=1))
    (stored,) = watch.settle()
    assert isinstance(stored.value, OpenNudge)
    assert stored.value.row == to_raw_record(FAKE, thing("5")).key.hex()


def test_the_row_of_what_was_published_as_told_is_marked_each_time() -> None:
    """It may be read again before the pair is stored, and is a duplicate all the same."""
    nudges = opened(replace(BY_TRAITS, types=("call.completed",), traits={"pad": "x"}, span=10**10))
    (nudge,) = going_back(nudges, in_vain(nudges, LEAD))
    nudges.returned(nudge, 150.0)
    watch = watch_of(nudges, LEAD)
    assert [saw(watch, thing(name, size=1)) for name in ("5", "5", "6")] == [True, True, False]
    watch.settle()
    assert [saw(watch, thing(name, size=1)) for name in ("5", "6")] == [True, False]
