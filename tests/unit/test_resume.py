"""What a successor makes of what was stored: the order of the sweep, and what is woken again, in slices."""

import asyncio
import random
from collections.abc import Iterable, Iterator
from itertools import count

import pytest

from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.held_leads import HeldLeads
from headrace.poller.resume import WatchedSchedule, resume
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.slices import SLICE, in_slices
from headrace.poller.state import TenantState
from headrace.records.cursors import Position, Watched
from tests.unit.test_scheduler import NOW, Named

NOW_MS = int(NOW * 1000)


class Resumed:
    """A tenant whose leads were read at random times; one in three never."""

    def __init__(self, leads: int, *, named: tuple[str, ...] = ()) -> None:
        chance = random.Random(leads)
        self.state, self.named = TenantState(), named
        self.schedule = Scheduler([Named("all"), Named("trail", by_lead=True)])
        for number in range(leads):
            self.state.leads[f"{number}"] = Watched(1, "people")
            if number % 3:
                self.state.positions["trail", f"{number}"] = Position(b"", NOW_MS - chance.randrange(10**9, 10**10))

    def slices(self) -> Iterator[None]:
        policy = FaultPolicy(self.schedule, CircuitBreaker())
        return resume(self.state, self.schedule, policy, by_lead=["trail"], named=self.named)

    def read_at(self, lead: str) -> int:
        return self.state.read_at("trail", lead)

    def order(self) -> list[str]:
        """Return the leads in the order in which the sweep reads them."""
        sweep, order = self.schedule._sweeps["trail"], list[str]()
        while (lead := sweep.next(NOW * 2, lambda _: True)) is not None:
            order.append(lead)
            sweep.drop(lead)
        return order


def test_the_sweep_goes_on_where_it_was() -> None:
    """Whoever was read longest ago is next, those of the settings among them."""
    resumed = Resumed(20_000, named=("7", "named"))
    resumed.state.positions["trail", "named"] = Position(b"", NOW_MS - 10**11)
    for _ in resumed.slices():
        pass
    order = resumed.order()
    times = [resumed.read_at(lead) for lead in order]
    assert times == sorted(times)
    assert sorted(order) == sorted([*resumed.state.leads, "named"])
    assert order[times.count(0)] == "named"


def test_what_was_woken_and_not_read_since_is_woken_again() -> None:
    """What was read since is not."""
    resumed = Resumed(9)
    for lead in ("1", "2", "3"):
        at = resumed.read_at(lead) + (1 if lead != "2" else -1)
        resumed.state.leads[lead] = Watched(1, "feed", at, unsure=lead == "1")
    for _ in resumed.slices():
        pass
    schedule = resumed.schedule
    schedule.hold("all", NOW * 2)
    woken = [schedule.next(NOW - 10**8) for _ in range(2)]
    assert woken == [Work("trail", "3"), Work("trail", "1")]
    assert [schedule.kind_of(work) for work in woken if work] == ["found", "unsure"]


def test_others_run_between_slices_of_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many leads there are."""
    resumed, handled = Resumed(25_000), count(1)
    holds, watch, before = HeldLeads.holds, Scheduler.watch, 0

    def looked_at(leads: HeldLeads, row: int) -> bool:
        next(handled)
        return holds(leads, row)

    def watched(schedule: Scheduler, leads: Iterable[tuple[str, str, float]]) -> None:
        next(handled)
        watch(schedule, leads)

    monkeypatch.setattr(HeldLeads, "holds", looked_at)
    monkeypatch.setattr(Scheduler, "watch", watched)
    for _ in resumed.slices():
        after = next(handled)
        assert after - before <= 3 * SLICE + 2, "each lead is looked at two times when it is put in its place"
        before = after
    assert next(handled) > 4 * 25_000


def test_who_goes_or_comes_meanwhile_is_not_mistaken_for_another() -> None:
    """A lead that came takes the row of one that went; it is watched by whoever named it."""
    resumed = Resumed(5_000)
    slices, steps = resumed.slices(), 0
    for _ in slices:
        for gone in (f"{steps * 50}", f"{4_999 - steps * 50}"):
            resumed.state.leads.pop(gone, None)
            resumed.state.leads[f"new-{gone}"] = Watched(1, "feed")
        steps += 1
    order = resumed.order()
    assert steps >= 8
    assert len(set(order)) == len(order)
    expected = {lead for lead in resumed.state.leads if not lead.startswith("new-")}
    assert expected <= set(order)
    times = [resumed.read_at(lead) for lead in order]
    assert times == sorted(times)


async def test_leads_that_come_meanwhile_are_watched_behind_what_was_stored() -> None:
    """However many come at once; those that go again are not."""
    resumed = Resumed(5_000)
    policy = FaultPolicy(resumed.schedule, CircuitBreaker())
    watched = WatchedSchedule(resumed.state, resumed.schedule, policy, by_lead=["trail"], named=())
    resuming = asyncio.create_task(watched.resume())
    await asyncio.sleep(0)
    come = [f"new-{number}" for number in range(3 * SLICE)]
    resumed.state.leads.update((lead, Watched(1, "people")) for lead in come)
    watched.watch(come)
    del resumed.state.leads["new-7"]
    await resuming
    resumed.state.leads["last"] = Watched(1, "people")
    watched.watch(["last"])
    assert set(resumed.order()) == set(resumed.state.leads)


async def test_a_sequence_is_worked_on_in_slices() -> None:
    """Others run behind each slice; nothing is left out."""
    items, turns = list(range(2 * SLICE + 5)), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    found = [(len(some), turns, some[-1]) async for some in in_slices(items)]
    beside.cancel()
    assert [size for size, _, _ in found] == [SLICE, SLICE, 5]
    assert [last for _, _, last in found] == [SLICE - 1, 2 * SLICE - 1, items[-1]]
    assert sorted({before for _, before, _ in found}) == [before for _, before, _ in found]
