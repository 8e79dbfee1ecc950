"""Whose turn it is, without a clock."""

import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence

import pytest

from headrace.poller.scheduler import EVENTS_BY_LEAD, MOST_WOKEN, Scheduler, Work
from headrace.poller.setback import Setback
from headrace.poller.shares import KINDS, MOST_AHEAD, MOST_SWEPT, SHARES, Kind, Shares
from headrace.sdk.feed import Api, Turn, Yield

NOW = 1_800_000_000.0
WOKEN = KINDS[:-1]


class Named:
    """A feed that is only scheduled."""

    def __init__(self, name: str, *, by_lead: bool = False, every: int = 60) -> None:
        self.name = name
        self.by_lead = by_lead
        self.every = every

    def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Never read."""
        raise NotImplementedError(f"{api} {cursor!r} {turn}")

    def rewound(self, since: int, before: bytes) -> bytes:
        """Never rewound."""
        raise NotImplementedError(f"{since} {before!r}")


def a_schedule(*leads: str) -> Scheduler:
    """Make a schedule of one tenant feed and one that is read by lead."""
    schedule = Scheduler([Named("all"), Named("trail", by_lead=True)])
    schedule.watch(("trail", lead, 0.0) for lead in leads)
    return schedule


def order(schedule: Scheduler, now: float, kinds: Sequence[Kind] = KINDS) -> list[Work]:
    """Take every turn that there is, each ending well before the next begins."""
    taken: list[Work] = []
    while (work := schedule.next(now, kinds)) is not None:
        taken.append(work)
        schedule.spent(work, 1)
        schedule.done(work, now)
    return taken


def test_what_was_woken_goes_first_then_feeds_then_the_sweep() -> None:
    """News come before what is due, and what is due before what nobody named."""
    schedule = a_schedule("a", "b")
    assert schedule.wake(Work("trail", "b"))
    assert order(schedule, NOW) == [Work("trail", "b"), Work("all"), Work("trail", "a")]


def test_the_sweep_reads_whom_it_read_longest_ago() -> None:
    """Leads that were never read come first, then the others by when they were read."""
    schedule = a_schedule()
    schedule.watch([("trail", "old", NOW - 500), ("trail", "new", NOW - 100), ("trail", "never", 0.0)])
    assert [work.lead for work in order(schedule, NOW)][1:] == ["never", "old", "new"]


def test_no_lead_is_swept_twice_within_its_rest() -> None:
    """A lead that was just read is due when its feed's `every` has passed."""
    schedule = a_schedule("a")
    order(schedule, NOW)
    assert order(schedule, NOW + 59) == []
    assert schedule.wait(NOW + 59) == 1.0
    assert Work("trail", "a") in order(schedule, NOW + 60)


def test_without_budget_for_it_nothing_is_swept() -> None:
    """The sweep gives way, what is woken does not."""
    schedule = a_schedule("a")
    schedule.wake(Work("trail", "z"))
    assert order(schedule, NOW, WOKEN) == [Work("trail", "z"), Work("all")]


def test_one_turn_of_a_feed_and_lead_at_a_time() -> None:
    """What is woken while it is read is read again afterwards."""
    schedule = a_schedule()
    schedule.wake(Work("trail", "a"))
    work = schedule.next(NOW)
    assert work == Work("trail", "a")
    schedule.wake(work)
    schedule.wake(Work("trail", "a", "event"))
    assert schedule.next(NOW) == Work("all")
    assert schedule.next(NOW) is None
    schedule.done(work, NOW)
    assert {schedule.next(NOW)} < {work, Work("trail", "a", "event")}
    assert schedule.next(NOW) is None


def test_a_nudge_for_a_whole_feed_wakes_it_whatever_lead_it_names() -> None:
    """A feed that is not read by lead has one turn for all leads, and a feed that nobody has none."""
    schedule = a_schedule()
    order(schedule, NOW)
    assert schedule.wake(Work("all", "somebody"))
    assert not schedule.wake(Work("nobody"))
    assert not schedule.wake(Work("trail"))
    assert order(schedule, NOW) == [Work("all")]


def test_a_feed_is_due_again_so_long_after_its_turn_began() -> None:
    """However long the turn takes: news wait for no longer than that, and what `feeds` says of the next turn holds."""
    schedule = a_schedule()
    work = schedule.next(NOW)
    assert work == Work("all")
    schedule.done(work, NOW + 20)
    assert schedule.wait(NOW + 20) == 40.0
    assert schedule.next(NOW + 60) == work
    schedule.done(work, NOW + 200)
    assert schedule.next(NOW + 200) == work


def test_a_feed_with_more_to_bring_goes_on_behind_what_was_woken() -> None:
    """A backlog keeps nobody waiting."""
    schedule = a_schedule()
    work = schedule.next(NOW)
    assert work == Work("all")
    schedule.wake(Work("trail", "a"))
    schedule.done(work, NOW, more=True)
    assert order(schedule, NOW) == [Work("trail", "a"), Work("all")]


def test_each_kind_of_work_goes_in_its_order() -> None:
    """News that webhooks told, feeds that are due, leads that these found, the sweep."""
    schedule = a_schedule("swept")
    assert schedule.wake(Work("trail", "unsure"), "unsure")
    assert schedule.wake(Work("trail", "found"), "found")
    assert schedule.wake(Work("trail", "nudged"))
    kinds = []
    while (work := schedule.next(NOW)) is not None:
        kinds.append((schedule.kind_of(work), work.lead))
        schedule.done(work, NOW)
    assert kinds == [
        ("nudged", "nudged"),
        ("due", None),
        ("found", "found"),
        ("unsure", "unsure"),
        ("swept", "swept"),
    ]


@pytest.mark.parametrize("kind", ["nudged", "found", "unsure"])
def test_a_lead_that_was_named_is_none_of_the_sweep_though_its_turn_comes_so(kind: Kind) -> None:
    """The sweep comes to it while it waits in line: what it brings is no proof that discovery missed it."""
    schedule = a_schedule("a")
    schedule.wake(Work("trail", "a"), kind)
    swept: Kind = "swept"
    work = schedule.next(NOW, [swept])
    assert work == Work("trail", "a")
    assert schedule.kind_of(work) == kind
    schedule.done(work, NOW)
    assert schedule.next(NOW, ("nudged", "found", "unsure")) is None


def test_what_a_feed_found_and_a_webhook_names_has_the_webhooks_place() -> None:
    """And the other way round it stays there; what is woken while it is read counts as much."""
    schedule = a_schedule()
    orders: list[tuple[Kind, Kind]] = [("found", "nudged"), ("nudged", "found")]
    for first, then in orders:
        schedule.wake(Work("trail", "other"), "found")
        schedule.wake(Work("trail", "a"), first)
        schedule.wake(Work("trail", "a"), then)
        work = schedule.next(NOW)
        assert work == Work("trail", "a")
        assert schedule.kind_of(work) == "nudged"
        schedule.wake(work, first)
        schedule.wake(work, then)
        schedule.done(work, NOW)
        again = schedule.next(NOW)
        assert again == work
        assert schedule.kind_of(again) == "nudged"
        schedule.done(again, NOW)
        order(schedule, NOW)


@pytest.mark.parametrize("calls", [1, 3])
def test_no_kind_of_work_starves(calls: int) -> None:
    """However much of each there is, each gets its share of the calls, and what goes first gets the rest."""
    schedule = Scheduler([Named("all", every=1), Named("trail", by_lead=True, every=1)])
    schedule.watch(("trail", f"swept-{number}", 0.0) for number in range(2_000))
    taken: Counter[str] = Counter()
    for turn in range(1_000):
        now = NOW + turn
        schedule.wake(Work("trail", f"nudged-{turn}"))
        schedule.wake(Work("trail", f"found-{turn}"), "found")
        schedule.wake(Work("trail", f"unsure-{turn}"), "unsure")
        work = schedule.next(now)
        assert work is not None
        taken[schedule.kind_of(work)] += calls
        schedule.spent(work, calls)
        schedule.done(work, now)
    for kind, share in SHARES.items():
        assert taken[kind] >= share * 1_000 * calls - 20
    assert taken["nudged"] > 0.42 * 1_000 * calls


def test_a_long_turn_of_a_feed_counts_against_it_for_a_while_only() -> None:
    """A backlog of hundreds of calls keeps a feed from nothing that is due later."""
    schedule = Scheduler([Named("all", every=60), Named("trail", by_lead=True, every=1)])
    work = schedule.next(NOW)
    assert work == Work("all")
    schedule.spent(work, 5_000)
    schedule.done(work, NOW)
    now, waited = NOW + 60, 0
    while True:
        schedule.wake(Work("trail", f"nudged-{waited}"))
        work = schedule.next(now)
        assert work is not None
        if work == Work("all"):
            break
        waited += 1
        schedule.spent(work, 1)
        schedule.done(work, now)
    assert waited <= (MOST_AHEAD + 1) / SHARES["due"]


def test_the_sweep_may_get_more_within_bounds() -> None:
    """Where the longest staleness asks for it."""
    shares = Shares()
    for wanted, found in ((0.0, SHARES["swept"]), (0.3, 0.3), (7.0, MOST_SWEPT)):
        shares.swept = wanted
        assert shares.swept == found


def test_a_feed_that_fails_again_and_again_keeps_nothing_from_its_turn() -> None:
    """It is overdue for as long as it fails: what was woken goes before it."""
    schedule = a_schedule()
    assert schedule.next(NOW) == Work("all")
    schedule.pause(Work("all"), Setback(NOW + 10, 1, NOW))
    schedule.wake(Work("all", event="7"))
    assert order(schedule, NOW + 1_000) == [Work("all", event="7"), Work("all")]


def test_what_rests_is_left_alone_until_then() -> None:
    """Neither its turn nor a nudge brings it back before its time, and it says when that is."""
    schedule = a_schedule("a")
    for work in (Work("all"), Work("trail", "a")):
        assert schedule.next(NOW) == work
        schedule.pause(work, Setback(NOW + 300), wake=True)
    schedule.wake(Work("trail", "a"))
    assert schedule.wait(NOW, WOKEN) == 300.0
    assert order(schedule, NOW + 299) == []
    assert set(order(schedule, NOW + 300)) == {Work("all"), Work("trail", "a")}


def test_a_feed_that_is_held_begins_no_turn() -> None:
    """All leads of a feed wait with it, other feeds do not."""
    schedule = a_schedule("a", "b")
    schedule.hold("trail", NOW + 100)
    assert order(schedule, NOW) == [Work("all")]
    assert len(order(schedule, NOW + 100)) == 3


def test_a_lead_that_is_dropped_is_not_read_any_more() -> None:
    """Not even if it was woken before."""
    schedule = a_schedule("a", "b")
    schedule.wake(Work("trail", "a"))
    schedule.drop("a")
    assert order(schedule, NOW) == [Work("all"), Work("trail", "b")]
    assert schedule.watched("trail") == 1


def test_nothing_to_do_needs_no_waiting() -> None:
    """With nothing but leads that do not exist, only news bring work."""
    assert Scheduler([Named("trail", by_lead=True)]).wait(NOW) is None


def test_many_events_of_one_lead_become_one_reading_of_it() -> None:
    """One list call brings them all; other leads keep their place in the line."""
    schedule = a_schedule("a", "b")
    for number in range(EVENTS_BY_LEAD + 5):
        schedule.wake(Work("trail", "a", f"e{number}"))
    schedule.wake(Work("trail", "b"))
    taken = order(schedule, NOW, WOKEN)
    assert [work.event for work in taken if work.lead == "a"] == [None]
    assert Work("trail", "b") in taken


def test_woken_work_is_bounded_and_no_watched_lead_is_forgotten() -> None:
    """Beyond the limit a lead is the next of the sweep; a feed whose events are too many is due at once."""
    leads = [f"lead-{number}" for number in range(MOST_WOKEN + 500)]
    schedule = Scheduler([Named("all"), Named("trail", by_lead=True)])
    schedule.watch(("trail", lead, NOW) for lead in leads)
    schedule.read_at("all", NOW)
    for lead in leads:
        for event in range(10):
            schedule.wake(Work("trail", lead, f"{event}"))
    for event in range(2 * MOST_WOKEN):
        schedule.wake(Work("all", event=f"{event}"))
    held = sum(len(group) for _, group in schedule._woken.line("nudged"))
    assert held <= MOST_WOKEN * (EVENTS_BY_LEAD + 2)
    taken = order(schedule, NOW + 1)
    assert {work.lead for work in taken if work.lead} == set(leads)
    assert Work("all") in taken


def test_work_that_comes_while_its_lead_is_read_is_bounded_too() -> None:
    """It is merged while it waits, and comes once when the turn has ended."""
    schedule = a_schedule("a")
    assert schedule.wake(Work("trail", "a"))
    running = schedule.next(NOW, WOKEN)
    assert running == Work("trail", "a")
    for number in range(1_000):
        schedule.wake(Work("trail", "a", f"e{number}"))
    schedule.done(running, NOW)
    assert len(order(schedule, NOW, WOKEN)) <= EVENTS_BY_LEAD + 2


def test_a_feed_that_is_held_is_not_looked_through() -> None:
    """However much is woken of it, one look finds that it waits, and until when."""
    schedule = a_schedule("a")
    order(schedule, NOW)
    schedule.wake(Work("trail", "a"))
    schedule.hold("trail", NOW + 30)
    assert schedule.next(NOW + 1, WOKEN) is None
    assert schedule.wait(NOW + 1, WOKEN) == 29


def test_a_turn_around_a_fact_is_no_turn_of_its_feed() -> None:
    """Whether it went well or not, its feed is due as it was, and its lead the next of the sweep."""
    schedule = a_schedule()
    order(schedule, NOW)
    schedule.watch([("trail", "a", NOW - 500)])
    for work in (Work("all", around=0), Work("trail", "a", around=0)):
        assert schedule.wake(work)
        assert schedule.next(NOW + 1, WOKEN) == work
        schedule.pause(work, Setback(NOW + 2), wake=True)
    assert schedule.next(NOW + 2, WOKEN) == Work("all", around=0)
    schedule.done(Work("all", around=0), NOW + 59)
    assert schedule.next(NOW + 59, WOKEN) == Work("trail", "a", around=0)
    schedule.done(Work("trail", "a", around=0), NOW + 59)
    assert order(schedule, NOW + 60) == [Work("all"), Work("trail", "a")]


def test_a_turn_around_a_fact_is_merged_with_none() -> None:
    """However many events of its lead are woken, it stays what it is, and so do other turns around facts."""
    schedule = a_schedule()
    around = [Work("trail", "a", around=number) for number in range(EVENTS_BY_LEAD + 2)]
    for work in around:
        schedule.wake(work)
    for number in range(EVENTS_BY_LEAD):
        schedule.wake(Work("trail", "a", f"e{number}"))
    events = [Work("trail", "a", f"e{number}") for number in range(EVENTS_BY_LEAD)]
    taken = order(schedule, NOW)
    assert [work for work in taken if work != Work("all")] == [*around, *events]
    for work in around:
        schedule.wake(work)
    for number in range(EVENTS_BY_LEAD + 1):
        schedule.wake(Work("trail", "a", f"e{number}"))
    assert order(schedule, NOW, WOKEN) == [*around, Work("trail", "a")]


def test_where_too_much_is_woken_a_turn_around_a_fact_is_left_to_its_nudge() -> None:
    """No other turn would look for it."""
    schedule = a_schedule()
    order(schedule, NOW)
    for number in range(MOST_WOKEN):
        schedule.wake(Work("all", event=str(number)))
    schedule.wake(Work("all", around=0))
    assert Work("all") not in order(schedule, NOW)


def test_a_lead_that_is_named_while_it_is_read_for_the_first_time_stops_no_sweep() -> None:
    """Its first position is not stored yet: it stands where its turn put it, not before those that are due."""
    schedule = Scheduler([Named("trail", by_lead=True, every=600)])
    schedule.watch(("trail", lead, 0.0) for lead in ("old-1", "old-2", "old-3"))
    schedule.watch([("trail", "new", 0.0)])
    assert schedule.next(NOW) == Work("trail", "new")
    schedule.watch([("trail", "new", 0.0)])
    assert {schedule.next(NOW + 1), schedule.next(NOW + 2)} <= {Work("trail", f"old-{each}") for each in (1, 2, 3)}


def test_the_longest_unread_of_many_leads_is_read_within_one_sweep_whatever_is_woken() -> None:
    """5,000 leads at 300 calls a minute, a nudge a second, most for leads that were just found or are being read."""
    schedule, dice = Scheduler([Named("trail", by_lead=True, every=300)]), random.Random(5)
    leads = {f"lead-{number}": NOW for number in range(5_000)}
    schedule.watch(("trail", lead, 0.0) for lead in leads)
    now, longest, running = NOW, 0.0, deque[Work]()
    for call in range(4 * 3_600 * 5):
        now = NOW + call / 5
        if call % 5 == 0:
            found = f"found-{call}" if len(leads) < 5_500 else dice.choice(list(leads))
            named = dice.choice([found, *(work.lead for work in running if work.lead)])
            leads.setdefault(named, now)
            schedule.watch([("trail", named, 0.0)])
            schedule.wake(Work("trail", named))
        if len(running) == 4:
            schedule.done(running.popleft(), now)
        work = schedule.next(now)
        if work is not None and work.lead is not None:
            longest = max(longest, now - leads[work.lead])
            leads[work.lead] = now
            running.append(work)
    assert longest < 5_500 / 5 * 4 / 3 + 60
    assert max(now - read for read in leads.values()) < 5_500 / 5 * 4 / 3 + 60
