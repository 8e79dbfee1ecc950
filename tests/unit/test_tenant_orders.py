"""Orders of people: each is carried out once, at whatever commit a poller dies."""

import random
from collections.abc import Collection

import pytest

from headrace.poller.backfills import MOST_WAITING, REFUSED
from headrace.poller.paced_limiter import TurnStopped
from headrace.poller.scheduler import Work
from headrace.poller.state import PartitionState
from headrace.poller.tenant_orders import TenantOrders
from headrace.records.cursors import CursorEntry, Position, Spending, decode, encode, entry
from headrace.records.order import CancelBackfill, Order, Pause, Resume, Rewind, SpentCalls, StartBackfill, Wake
from headrace.records.ordered import RewoundPosition

SOURCE = "/things/t"
FEEDS = ("rows", "trail")
WINDOW = 2_000.0


class Poller:
    """A poller's memory of one tenant, over a log that outlives it; what it is told to do at once."""

    def __init__(self, memory: PartitionState) -> None:
        self.memory = memory
        self.state = memory.of(SOURCE)
        self.paused: Collection[str] = ()
        self.woken: list[str] = []
        self.spent = sum(self.state.spending.day.values()) if self.state.spending else 0
        self.now = 1_000.0
        self.orders = TenantOrders(SOURCE, FEEDS, state=self.state, now=lambda: self.now, window=WINDOW, obeying=self)
        self.orders.resume()

    def pause_feeds(self, feeds: Collection[str]) -> None:
        """Note feeds."""
        self.paused = feeds

    def wake_now(self, work: Work) -> None:
        """Note a feed."""
        self.woken.append(work.feed)

    def spend(self, calls: int, within: int) -> CursorEntry:  # noqa: ARG002  (as the poller is called)
        """Count calls."""
        self.spent += calls
        return entry(SOURCE, Spending({0: self.spent}, {}, 0.0))

    def carry_out(self, *orders: Order, commits: bool = True) -> None:
        """Take orders, and store what they leave behind unless it dies before."""
        entries = [entry for order in orders for entry in self.orders.carry_out(order)]
        if commits:
            self.store(*entries)

    def store(self, *entries: CursorEntry) -> None:
        """Store entries, as their records are read again."""
        records = [encode(one) for one in entries]
        self.memory.apply(decode(record.key or b"", record.written or b"") for record in records)


def seen(memory: PartitionState) -> tuple[object, ...]:
    """Return all that orders have left behind, but when they were taken."""
    state, poller = memory.of(SOURCE), Poller(memory)
    marks = {
        name: (bool(one.paused), one.since, bool(one.rewound), bool(one.woken)) for name, one in state.orders.items()
    }
    backfills = {name: (one.feed, one.outcome) for name, one in state.backfills.items()}
    return marks, backfills, poller.spent, tuple(poller.paused)


@pytest.mark.parametrize("seed", range(20))
def test_each_order_is_carried_out_once_wherever_pollers_die(seed: int) -> None:
    """With the position behind them stored, or nothing: what is left is the same as if none had died."""
    dice = random.Random(seed)
    choices: list[Order] = [
        *(Pause(), Pause("rows"), Pause("trail"), Resume(), Resume("rows"), Resume("trail"), Wake("rows"), Wake()),
        *(Rewind(70, "rows"), Rewind(80), SpentCalls(3), SpentCalls(5), CancelBackfill("b1"), Pause("unknown")),
        *(StartBackfill(f"b{number}", "rows", 1, 2, 0.5) for number in range(3)),
    ]
    orders = [dice.choice(choices) for _ in range(60)]
    quiet, hurt, at = PartitionState(), PartitionState(), 0
    Poller(quiet).carry_out(*orders)
    poller = Poller(hurt)
    while at < len(orders):
        some = orders[at : at + dice.randint(1, 5)]
        if dice.random() < 0.4:
            poller.carry_out(*some, commits=False)
            poller = Poller(hurt)
        else:
            poller.carry_out(*some)
            at += len(some)
    assert seen(hurt) == seen(quiet)


def test_a_paused_feed_makes_no_calls() -> None:
    """Of a tenant that is paused as a whole, one feed may go on, and all others stay paused."""
    poller = Poller(PartitionState())
    poller.carry_out(Pause())
    assert sorted(poller.paused) == ["rows", "trail"]
    poller.carry_out(Resume("rows"))
    assert list(poller.paused) == ["trail"]
    poller.orders.check("rows")
    with pytest.raises(TurnStopped):
        poller.orders.check("trail")
    assert list(Poller(poller.memory).paused) == ["trail"]
    poller.carry_out(Resume())
    assert list(Poller(poller.memory).paused) == []


def test_a_feed_is_woken_again_where_its_poller_died_before_it_was_read() -> None:
    """Not once it was."""
    poller = Poller(PartitionState())
    poller.carry_out(Wake("rows"))
    assert poller.woken == Poller(poller.memory).woken == ["rows"]
    poller.store(entry(SOURCE, Position(b"7", 1_000_001), "rows", ""))
    assert Poller(poller.memory).woken == []


def test_a_feed_that_is_to_be_read_again_is_woken() -> None:
    """It need not wait until it is due, whoever dies meanwhile."""
    poller = Poller(PartitionState())
    poller.carry_out(Rewind(70, "rows"))
    assert poller.woken == Poller(poller.memory).woken == ["rows"]


def test_a_position_is_set_back_once() -> None:
    """At its next turn: not while that goes on, not when it has ended, and again by the next order."""
    poller = Poller(PartitionState())
    poller.store(entry(SOURCE, Position(b"7", 999_000), "trail", "a"))
    assert poller.orders.rewind("trail", "a") is None
    poller.carry_out(Rewind(70, "trail"))
    order = poller.orders.rewind("trail", "a")
    assert order is not None
    assert order.since == 70
    assert poller.orders.rewind("trail", "new") is None, "it was never read"
    assert poller.orders.rewind("rows", "") is None
    poller.store(
        entry(SOURCE, Position(b"70", 999_000), "trail", "a"),
        entry(SOURCE, RewoundPosition(order.rewound), "trail", "a"),
    )
    assert Poller(poller.memory).orders.rewind("trail", "a") is None, "it has begun"
    poller.now += 1
    poller.carry_out(Rewind(60, "trail"))
    assert poller.orders.rewind("trail", "a") is not None
    poller.store(entry(SOURCE, Position(b"99", int(poller.now * 1000) + 1), "trail", "a"))
    assert poller.orders.rewind("trail", "a") is None, "it is behind the order"


def test_a_backfill_that_is_not_begun_has_ended_and_says_why() -> None:
    """Beyond a hundred that wait, and of a feed that the poller does not have; not one that is known."""
    poller = Poller(PartitionState())
    poller.carry_out(*(StartBackfill(f"b{number}", "rows", 1, 2, 0.5) for number in range(MOST_WAITING + 1)))
    poller.carry_out(StartBackfill("b0", "rows", 1, 2, 0.5), StartBackfill("other", "trails", 1, 2, 0.5))
    found = Poller(poller.memory).state.backfills
    assert (found[f"b{MOST_WAITING}"].outcome, found[f"b{MOST_WAITING}"].code) == ("cancelled", REFUSED)
    assert found[f"b{MOST_WAITING}"].sentence == "100 of this tenant wait already"
    assert found["other"].sentence == "the poller is set to read no trails"
    assert sum(not one.ended for one in found.values()) == MOST_WAITING


@pytest.mark.parametrize(("first", "second"), [(10, 90), (90, 10)])
def test_an_order_takes_back_no_earlier_one(first: int, second: int) -> None:
    """Where that has not begun, a position goes back as far as the further of both; else as far as the last."""
    poller = Poller(PartitionState())
    for lead in ("a", "b", "c"):
        poller.store(entry(SOURCE, Position(b"95", 999_000), "trail", lead))
    poller.carry_out(Rewind(first, "trail"))
    poller.store(entry(SOURCE, RewoundPosition(1_000_000), "trail", "b"))
    poller.store(entry(SOURCE, Position(b"99", 1_000_001), "trail", "c"))
    poller.now += 1
    poller.carry_out(Rewind(second, "trail"))
    again = Poller(poller.memory)
    found = [again.orders.rewind("trail", lead) for lead in ("a", "b", "c")]
    assert [(one.since, one.rewound) for one in found if one] == [
        (10, 1_001_000),
        (second, 1_001_000),
        (second, 1_001_000),
    ]
    poller.store(entry(SOURCE, Position(b"99", 1_001_001), "trail", "c"))
    poller.now += 1
    poller.carry_out(Rewind(95, "trail"))
    found = [poller.orders.rewind("trail", lead) for lead in ("a", "b", "c")]
    assert [one.since for one in found if one] == [10, 10, 95]


@pytest.mark.parametrize(
    ("orders", "since"),
    [
        ([Rewind(70, "trail")], 500_000),
        ([Rewind(70, "trail", beyond=True)], 70),
        ([Rewind(600_000, "trail")], 600_000),
        ([Rewind(70, "trail"), Rewind(600_000, "trail")], 500_000),
        ([Rewind(70, "trail", beyond=True), Rewind(600_000, "trail")], 70),
    ],
)
def test_a_turn_goes_back_no_further_than_ids_are_remembered_when_it_begins(orders: list[Order], since: int) -> None:
    """However long ago it was ordered, unless it is to go beyond that."""
    poller = Poller(PartitionState())
    poller.store(entry(SOURCE, Position(b"7", 999_000), "trail", "a"))
    poller.carry_out(*orders)
    successor = Poller(poller.memory)
    successor.now = WINDOW + 500.0
    order = successor.orders.rewind("trail", "a")
    assert order is not None
    assert order.since == since
