"""Fills the schedule of one tenant with what an earlier process has stored, and with the leads that come."""

import asyncio
import heapq
from array import array
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from headrace.poller.fault_policy import SEVERAL, FaultPolicy
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.shares import Kind
from headrace.poller.slices import SLICE
from headrace.poller.state import TenantState

_SORTED_TOGETHER: Final = 8_000


class WatchedSchedule:
    """The leads that a tenant's schedule has: those that were stored once these are `resumed`, then those that come.

    `by_lead` are the names of the feeds that are read by lead, `named` the leads of the settings.
    """

    def __init__(
        self,
        state: TenantState,
        scheduler: Scheduler,
        policy: FaultPolicy,
        *,
        by_lead: Sequence[str],
        named: Collection[str],
    ) -> None:
        self.resumed = False
        self._state: Final = state
        self._scheduler: Final = scheduler
        self._policy: Final = policy
        self._by_lead: Final = by_lead
        self._named: Final = named
        self._late: Final[set[str]] = set()

    def watches(self, lead: str) -> bool:
        """Return whether a lead is watched."""
        return lead in self._state.leads or lead in self._named

    def watch(self, leads: Sequence[str]) -> None:
        """Watch leads from now on, or once what was stored is resumed."""
        if not self.resumed:
            self._late.update(leads)
            return
        for feed in self._by_lead:
            self._scheduler.watch((feed, lead, self._state.read_at(feed, lead) / 1000) for lead in leads)

    async def resume(self) -> None:
        """Take in all that was stored; the event loop goes on meanwhile."""
        for _ in resume(self._state, self._scheduler, self._policy, by_lead=self._by_lead, named=self._named):
            await asyncio.sleep(0)
        self.resumed = True
        while self._late:
            late = [self._late.pop() for _ in range(min(SLICE, len(self._late)))]
            self.watch([lead for lead in late if self.watches(lead)])
            await asyncio.sleep(0)


def resume(
    state: TenantState, scheduler: Scheduler, policy: FaultPolicy, *, by_lead: Sequence[str], named: Collection[str]
) -> Iterator[None]:
    """Note what was read, and when; what was woken and not read since is woken again. Others may run where it yields.

    `by_lead` are the names of the feeds that are read by lead, `named` the leads of the settings. A lead that comes
    meanwhile has to be watched once this has ended; one that goes is left out.
    """
    for feed, position in state.positions.whole.items():
        scheduler.read_at(feed, position.at / 1000)
    for feed in by_lead:
        leads = _OldestFirst(state, feed, named)
        yield from leads.sort()
        newest: deque[str] = deque(maxlen=SEVERAL)
        for number, (lead, at, woken, kind) in enumerate(leads, 1):
            scheduler.watch([(feed, lead, at / 1000)])
            if at:
                newest.append(lead)
            if woken > at:
                scheduler.wake(Work(feed, lead), kind)
            if number % SLICE == 0:
                yield
        policy.went_well(feed, list(newest))


class _OldestFirst:
    """The leads of a feed, when (ms) each was read, by that time, and woken as what; of equals those of settings first.

    It holds numbers of rows: the names of a million leads would take 90 MB, and sorting all of them at once a second.
    """

    def __init__(self, state: TenantState, feed: str, named: Collection[str]) -> None:
        self._watched: Final = state.leads
        self._read_at: Final = state.positions.read_at_rows(feed)
        self._named: Final = [lead for lead in named if lead not in state.leads]
        self._rows: Final = array("i")
        self._at: Final = array("q", [state.read_at(feed, lead) for lead in self._named])
        self._runs: Final[list[array[int]]] = []

    def sort(self) -> Iterator[None]:
        """Take in all leads; others may run where it yields."""
        held, begin = self._watched.held, 0
        for row in range(held.rows):
            if held.holds(row):
                self._rows.append(row)
                self._at.append(self._read_at(row))
            if len(self._at) - begin >= _SORTED_TOGETHER:
                begin = self._sort_from(begin)
            if row % SLICE == 0:
                yield
        self._sort_from(begin)
        yield

    def __iter__(self) -> Iterator[tuple[str, int, int, Kind]]:
        for index in heapq.merge(*self._runs, key=self._at.__getitem__):
            at, row = self._at[index], index - len(self._named)
            if row < 0:
                yield self._named[index], at, 0, "found"
                continue
            row = self._rows[row]
            # Whose lead went meanwhile, his row may be that of one that came.
            if self._watched.held.holds(row) and self._read_at(row) == at:
                kind: Kind = "unsure" if self._watched.unsure(row) else "found"
                yield self._watched.held.name(row), at, self._watched.woken_at(row), kind

    def _sort_from(self, begin: int) -> int:
        end = len(self._at)
        self._runs.append(array("i", sorted(range(begin, end), key=self._at.__getitem__)))
        return end
