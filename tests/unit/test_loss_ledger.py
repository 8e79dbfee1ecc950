"""The loss ledger: what each of two ways told, counted where the fates are given, put together by the poller. Pure."""

import random
from collections.abc import Iterable
from typing import Any, Final

import pytest
from msgspec.structs import replace

from headrace.config.tenants import Tenants
from headrace.core.timestamps import from_millis
from headrace.normalizer import ledger as ledger_module
from headrace.normalizer.batch_facts import close_quiet
from headrace.normalizer.commit import Commit
from headrace.normalizer.dedupe import Seen
from headrace.poller.backfills import Backfills
from headrace.poller.loss_holes import LossHoles
from headrace.poller.loss_ledger import LossLedger
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry
from headrace.records.facts import HOUR_MS
from headrace.records.hour_report import HourReport, at_most, sum_of, with_lateness
from headrace.records.nudge import decode_nudge
from headrace.records.raw import to_raw_record
from headrace.records.seen import decode_record
from headrace.sdk.provider import RawEvent
from headrace.sdk.settings import HoleSettings
from headrace_events import Via
from tests.fake_feeds import FakeSettings, Listing
from tests.fake_provider import FAKE, account, thing
from tests.unit.ledgers import ledger_of
from tests.unit.partition import LIMITS, Partition, Raw

HOUR: Final = 500_000
BEGIN: Final = HOUR * HOUR_MS
SETTLED: Final = BEGIN + 3 * HOUR_MS
"""When the hour closes: it is over for two hours."""
SOURCE: Final = "/things/acme"


def tenant(**settings: Any) -> Tenants:
    """Return a tenant that is polled and takes webhooks."""
    return Tenants([account("acme", **{"polling": True, "webhook_secrets": ["s"], **settings})])


class HourPartition(Partition):
    """A partition of a tenant whose facts are told at chosen times (ms)."""

    def __init__(self, tenants: Tenants | None = None) -> None:
        super().__init__(tenants or tenant(), now=BEGIN)
        self.reports: list[HourReport] = []
        self.hear_at(BEGIN - 3 * HOUR_MS, webhook("first"))  # from now on it is known which hours are closed

    def hear_at(self, at: int, *raws: RawEvent) -> Commit:
        """Append raw events at a time and decide on them as one batch."""
        records = [
            Raw(number, at, out.key, out.value, out.headers)
            for number, out in enumerate(
                (to_raw_record(FAKE, replace(raw, received=at)) for raw in raws), self.seen.next_offset
            )
        ]
        self.now = at
        return self.take_reports(self.decide(records))

    def close(self, at: int = SETTLED) -> list[HourReport]:
        """Let the hours close that are over at a time, and return what was reported of the hour of the tests."""
        commit = close_quiet(self.seen, self.tenants.both_ways, self.limits, at)
        if commit is not None:
            self.seen.apply([decode_record(commit.seen_value)], self.seen.read_to + 1)
            self.take_reports(commit)
        return [report for report in self.reports if report.hour == HOUR]

    def take_reports(self, commit: Commit) -> Commit:
        """Keep what a commit reports."""
        found = [decode_nudge("nudges", out.key, out.value) for out in commit.nudges]
        self.reports += [nudge.hour for source, nudge in found if source == SOURCE and nudge.hour is not None]
        return commit

    def restart(self, values: Iterable[bytes]) -> None:
        """Lose the memory, and restore it from the log."""
        self.seen = Seen()
        self.seen.apply([decode_record(value) for value in values], 1)


def at(minute: float) -> str:
    """Return the time of a minute of the hour."""
    return from_millis(BEGIN + int(minute * 60_000))


def webhook(name: str, code: str = "call", minute: float = 10, **more: Any) -> RawEvent:
    """Return what a webhook tells: without a version."""
    return thing(name, shape="hook", code=code, at=at(minute), **more)


def polled(name: str, code: str = "call", minute: float = 10, **more: Any) -> RawEvent:
    """Return the row that polling brings."""
    return thing(name, code=code, at=at(minute), **more)


def test_a_fact_is_counted_by_who_told_it() -> None:
    """Both ways, webhooks alone, polling alone; and by how much one was later than the other."""
    here = HourPartition()
    here.hear_at(BEGIN + 600_000, webhook("a"), webhook("b"), polled("c"), polled("d"))
    here.hear_at(BEGIN + 604_000, polled("a"), webhook("d"))
    assert here.close() == [
        HourReport(
            hour=HOUR,
            partition=3,
            both=2,
            webhook=1,
            poll={"call.completed thing#call": 1},
            webhook_kinds=("thing#call",),
            poll_later=(0, 0, 1),
            webhook_later=(0, 0, 1),
        )
    ]


@pytest.mark.parametrize("first", ["webhook", "poll"])
def test_what_wakes_a_feed_is_the_fact_of_the_row_that_it_brings(first: str) -> None:
    """A nudge leaves no mark, and is told by a webhook all the same; copies and later versions are no new facts."""
    here = HourPartition()
    hook, row = webhook("a", "waker", do=""), polled("a", "waker")
    here.hear_at(BEGIN + 600_000, *((hook, row) if first == "webhook" else (row, hook)))
    here.hear_at(BEGIN + 660_000, hook, row, polled("a", "waker", v=2, text="edited"), webhook("a", "waker", text="x"))
    (report,) = here.close()
    assert (report.both, report.webhook, report.poll) == (1, 0, {})


@pytest.mark.parametrize(
    "raw",
    [
        replace(polled("a"), via=Via.INGEST),
        replace(webhook("a"), as_told=True),
        thing("a", shape="hook", code="call", at=at(-500)),
        thing("a", code="call", at=at(-500)),
    ],
    ids=["handed in", "as told", "a webhook long after", "a row long after"],
)
def test_what_opens_no_fact(raw: RawEvent) -> None:
    """What was handed in, what is published as told, and what belongs to an hour that is closed."""
    here = HourPartition()
    here.hear_at(BEGIN + 600_000, raw)
    assert here.close() == [HourReport(hour=HOUR, partition=3)]


def test_a_tenant_with_one_way_alone_has_no_ledger() -> None:
    """Without webhooks nothing is counted, remembered or reported."""
    here = HourPartition(tenant(webhook_secrets=[]))
    here.hear_at(BEGIN + 600_000, polled("a"))
    assert here.close() == []
    assert decode_record(here.hear_at(BEGIN + 600_000, polled("b")).seen_value).facts == ()


def test_what_comes_when_an_hour_is_closed_is_no_fact_of_it() -> None:
    """A row that comes too late changes nothing: the webhook alone told it in time."""
    here = HourPartition()
    here.hear_at(BEGIN + 600_000, webhook("a", "waker"))
    here.hear_at(SETTLED, polled("a", "waker"), polled("b"))
    (report,) = here.close()
    assert (report.both, report.webhook, report.poll) == (0, 1, {})


def test_the_sweep_finds_what_discovery_missed() -> None:
    """What only the sweep brings, published, and older than a quarter of an hour, is counted, also without webhooks."""
    here = HourPartition(tenant(webhook_secrets=[]))
    old, new = polled("a", minute=10), polled("b", minute=24)
    commit = here.hear_at(BEGIN + 1_800_000, replace(old, swept=True), replace(new, swept=True), polled("c"))
    assert commit.missed == {SOURCE: 1}
    assert here.hear_at(BEGIN + 1_801_000, replace(old, swept=True)).missed == {}
    assert here.close() == [HourReport(hour=HOUR, partition=3, missed=1)]


def test_what_finds_no_room_is_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts that are remembered are bounded; those beyond are shown, and never taken for lost."""
    monkeypatch.setattr("headrace.normalizer.batch_facts.MOST_FACTS", 2)
    here = HourPartition()  # which remembers one of an hour before
    here.hear_at(BEGIN + 600_000, webhook("a"), webhook("b"), polled("c"))
    (report,) = here.close()
    assert (report.webhook, report.poll, report.uncounted) == (1, {}, 2)


def test_kinds_beyond_what_is_reported_are_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes come from outside: a report holds a bounded number of them."""
    monkeypatch.setattr(ledger_module, "MOST_KINDS", 3)
    here = HourPartition()
    here.hear_at(BEGIN + 600_000, *(polled(str(number), str(number)) for number in range(100, 110)))
    (report,) = here.close()
    assert (len(report.poll), report.uncounted) == (3, 7)


@pytest.mark.parametrize("seed", range(20))
def test_any_order_and_a_restart_at_any_commit_give_the_same_numbers(seed: int) -> None:
    """Whatever the batches, the order within the hour, and where the memory is restored from the log."""
    dice = random.Random(seed)
    names = [f"n{number}" for number in range(60)]
    fates = {name: dice.choice(["both", "both", "both", "webhook", "poll"]) for name in names}
    ways = [(name, way) for name, fate in fates.items() for way in (["webhook", "poll"] if fate == "both" else [fate])]
    dice.shuffle(ways)
    here, log = HourPartition(), [commit_of_first()]
    while ways:
        taken, ways = ways[: (size := dice.randint(1, 9))], ways[size:]
        codes = {name: dice.choice(["call", "waker"]) for name in names}
        raws = [
            (webhook if way == "webhook" else polled)(name, codes[name] if seed % 2 else "waker") for name, way in taken
        ]
        log.append(here.hear_at(BEGIN + 600_000 + 1000 * len(log), *raws).seen_value)
        if dice.random() < 0.3:
            here.restart(log)
        if dice.random() < 0.3:  # what is read again changes nothing
            log.append(here.hear_at(BEGIN + 600_000 + 1000 * len(log), *raws).seen_value)
    (report,) = here.close()
    wanted = {fate: sum(one == fate for one in fates.values()) for fate in ("both", "webhook", "poll")}
    assert (report.both, report.webhook, sum(report.poll.values())) == tuple(wanted.values())
    assert sum(report.poll_later) + sum(report.webhook_later) == report.both


def commit_of_first() -> bytes:
    """Return the seen record of a partition's first batch, as `HourPartition` begins."""
    return Partition(tenant(), now=BEGIN - 3 * HOUR_MS).hear(FAKE, webhook("first")).seen_value


def test_a_commit_that_is_read_again_counts_once() -> None:
    """A take-over by the process that had the partition before begins with the newest commit that it knows."""
    here = HourPartition()
    value = here.hear_at(BEGIN + 600_000, webhook("a"), polled("a"), polled("b")).seen_value
    here.seen.apply([decode_record(value)], here.seen.read_to)
    (report,) = here.close()
    assert (report.both, report.webhook, sum(report.poll.values())) == (1, 0, 1)


def test_a_restore_passes_over_what_is_closed() -> None:
    """Weeks of facts are in the log, of which a few hours count: the rest is not even unpacked."""
    here, log = HourPartition(), [commit_of_first()]
    for number in range(50):
        then = BEGIN + number * HOUR_MS
        log.append(here.hear_at(then + 1000, webhook(str(number), minute=number * 60)).seen_value)
    here.restart(log)
    assert len(here.seen.ledger._unread) <= 3
    assert len(here.seen.ledger) == 3


def test_reports_of_all_partitions_come_together_once() -> None:
    """An hour is closed when all partitions have reported it; a report that comes again changes nothing."""
    ledger = ledger_of(SOURCE, partitions=2)
    first = HourReport(hour=HOUR, partition=0, both=90, poll={"call.completed thing#call": 2, "sms.sent thing#7": 5})
    second = HourReport(
        hour=HOUR, partition=1, both=7, webhook=1, webhook_kinds=("thing#call",), poll_later=(3,), missed=4
    )
    for report in (first, first, second):
        assert ledger.last_closed is None
        ledger.add(report, SETTLED / 1000)
    assert ledger.last_closed is not None
    number, hour = ledger.last_closed
    assert (number, hour.both, hour.webhook, hour.poll, hour.missed) == (HOUR, 97, 1, 2, 4)
    assert (hour.webhooks_lost, hour.polling_lost) == (0.02, 0.01)
    assert hour.untold == {"": 5}  # no webhook tells such facts: none is lost


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_hour_is_closed_though_a_partition_passed_over_it(order: tuple[int, int]) -> None:
    """After days without a normalizer a quiet partition reports the last hours alone; a restart loses nothing."""
    state = TenantState()
    reports = {
        0: [HourReport(hour=HOUR, partition=0), HourReport(hour=HOUR + 60, partition=0)],
        1: [HourReport(hour=HOUR + 60, partition=1)],
    }
    for partition in order:
        ledger = ledger_of(SOURCE, state, partitions=2)
        for report in reports[partition]:
            ledger.add(report, SETTLED / 1000)
        for one in ledger.take_unstored():
            state.apply(one)
    assert {hour: bool(found.closed) for hour, found in state.hours.items()} == {HOUR: True, HOUR + 60: True}
    assert ledger.take_unjudged() == [HOUR, HOUR + 60]


def test_a_kind_that_a_later_hour_tells_counts_in_open_hours() -> None:
    """Where the ways have hours of their own, what is known of webhooks may come with another hour's report."""
    ledger = ledger_of(SOURCE, partitions=2)
    ledger.add(HourReport(hour=HOUR, partition=0, poll={"call.made x#1": 2}), SETTLED / 1000)
    ledger.add(HourReport(hour=HOUR + 1, partition=0, webhook=1, webhook_kinds=("call.made",)), SETTLED / 1000)
    assert (ledger.hours[HOUR].poll, ledger.hours[HOUR].untold) == (2, {})


def test_kinds_that_no_webhook_tells_are_bounded() -> None:
    """Until the last partition has reported, a webhook may tell them yet; names come from outside."""
    ledger = ledger_of(SOURCE, partitions=3)
    for partition in range(2):
        kinds = {f"sms.sent thing#{partition}-{number}": 1 for number in range(150)}
        ledger.add(HourReport(hour=HOUR, partition=partition, poll=kinds), SETTLED / 1000)
    hour = ledger.hours[HOUR]
    assert (len(hour.untold), hour.uncounted) == (200, 100)


def test_a_pair_of_two_ids_is_one_fact() -> None:
    """Where no id is shared, each way's fact is counted by itself, and the poller knows which rows say the same."""
    ledger = ledger_of(SOURCE)
    ledger.pair(HOUR, BEGIN + 600_000, 40.0, BEGIN / 1000 + 700)
    ledger.pair(HOUR, BEGIN + HOUR_MS + 1, None, BEGIN / 1000 + 3_700)
    ledger.pair(0, BEGIN + 600_000, 40.0, BEGIN / 1000 + 700)  # it was not counted
    ledger.pair(HOUR + 1, BEGIN, 40.0, SETTLED / 1000 + 1)  # nor was the row of this, which happened long before
    ledger.add(
        HourReport(hour=HOUR, partition=0, webhook=3, poll={"call.made x#1": 2}, webhook_kinds=("call.made",)), 0.0
    )
    ledger.add(HourReport(hour=HOUR + 1, partition=0, webhook=1, poll={"call.made x#1": 1}), 0.0)
    hour, after = ledger.hours[HOUR], ledger.hours[HOUR + 1]
    assert (hour.both, hour.webhook, hour.poll) == (2, 1, 1)
    assert (after.both, after.webhook, after.poll) == (1, 0, 0)
    assert at_most(hour.poll_later, 0.5) == 60


def test_what_is_stored_is_what_is_remembered() -> None:
    """A poller that takes over knows what the one before knew; hours go with the dedupe window."""
    state = TenantState()
    ledger = ledger_of(SOURCE, state)
    ledger.add(HourReport(hour=HOUR, partition=0, both=1, webhook_kinds=("thing#call",)), BEGIN / 1000)
    for one in ledger.take_unstored():
        state.apply(one)
    after = ledger_of(SOURCE, state)
    assert after.hours == ledger.hours
    after.expire(BEGIN / 1000 + 31 * 86_400)
    for one in after.take_unstored():
        state.apply(one)
    assert (state.hours, state.webhook_kinds.kinds) == ({}, {})


def test_latenesses_are_kept_by_edges() -> None:
    """Nothing finer is kept: a share of the facts was late at most so many seconds, -1 where that is beyond all."""
    late: tuple[int, ...] = ()
    for seconds in (0.5, 1, 3, 3, 3, 50_000):
        late = with_lateness(late, seconds)
    assert (at_most(late, 0.5), at_most(late, 0.95), at_most((), 0.5)) == (5, -1, None)
    assert sum(sum_of(late, (1,))) == 7


def test_limits_are_those_of_the_settings() -> None:
    """An hour stays open for two hours where nothing else is configured."""
    assert LIMITS.settle == 7_200


def with_holes(
    state: TenantState, *, now: float = 0.0, apart: tuple[int, int] = (0, 0), **settings: Any
) -> tuple[LossLedger, LossHoles]:
    """Return a ledger of two partitions, and what looks for holes in it."""
    ledger = ledger_of(SOURCE, state, now=now)
    backfills = Backfills(SOURCE, state.backfills, lambda: None)
    feed = Listing("rows", "/rows", FakeSettings(apart=apart))
    return ledger, LossHoles(SOURCE, HoleSettings(**settings), feed=feed, ledger=ledger, backfills=backfills)


def store(state: TenantState, entries: Iterable[CursorEntry]) -> None:
    """Remember what is to be stored."""
    for one in entries:
        state.apply(one)


HOLED: Final = HourReport(hour=HOUR, partition=0, both=97, poll={"call.completed x#1": 3}, webhook_kinds=("x#1",))


@pytest.mark.parametrize("report", [HOLED, HourReport(hour=HOUR, partition=0, both=97, webhook=3)])
def test_a_hole_is_read_once_more(report: HourReport) -> None:
    """Whichever way lost too many: one back-fill of just that hour, also where a crash came in between."""
    state = TenantState()
    ledger, holes = with_holes(state, holes_over=0.01, backfill=True)
    ledger.add(report, SETTLED / 1000)
    store(state, ledger.take_unstored())  # with a row that was brought: what follows from the hour is lost by a crash
    for _ in range(2):
        ledger, holes = with_holes(state, now=SETTLED / 1000, holes_over=0.01, backfill=True)
        store(state, holes.take_unstored(SETTLED / 1000))
    ((name, found),) = state.backfills.items()
    assert (found.feed, found.since, found.until) == ("rows", BEGIN, BEGIN + HOUR_MS)
    assert (state.hours[HOUR].backfill, state.hours[HOUR].hole) == (name, SETTLED)


@pytest.mark.parametrize(("after", "until"), [(HOUR_MS, BEGIN + 2 * HOUR_MS), (9 * HOUR_MS, SETTLED)])
def test_of_a_hole_the_time_around_is_read_as_well(after: int, until: int) -> None:
    """A fact belongs to the hour in which it happened; its row is created before or after. Nothing is read ahead."""
    state = TenantState()
    ledger, holes = with_holes(state, apart=(2 * HOUR_MS, after), holes_over=0.01, backfill=True)
    ledger.add(HOLED, SETTLED / 1000)
    store(state, holes.take_unstored(SETTLED / 1000))
    (found,) = state.backfills.values()
    assert (found.since, found.until) == (BEGIN - 2 * HOUR_MS, until)


@pytest.mark.parametrize(
    ("settings", "is_hole"),
    [({}, False), ({"holes_over": 0.03, "backfill": True}, False), ({"holes_over": 0.02}, True)],
    ids=["off", "not over", "without a back-fill"],
)
def test_what_starts_no_backfill(settings: dict[str, Any], is_hole: bool) -> None:  # noqa: FBT001  (a parameter)
    """Nothing is read once more that nobody asked for; a hole is remembered all the same."""
    state = TenantState()
    ledger, holes = with_holes(state, **settings)
    ledger.add(HOLED, SETTLED / 1000)
    store(state, holes.take_unstored(SETTLED / 1000))
    assert state.backfills == {}
    assert (state.hours[HOUR].hole > 0) == is_hole


def test_a_bound_that_is_set_later_is_for_later_hours() -> None:
    """Who lowers the bound does not read a month once more."""
    state = TenantState()
    ledger, holes = with_holes(state)
    ledger.add(HOLED, SETTLED / 1000)
    store(state, holes.take_unstored(SETTLED / 1000))
    later = SETTLED / 1000 + 7_200
    _, holes = with_holes(state, now=later, holes_over=0.01, backfill=True)
    assert holes.take_unstored(later) == []
