"""What a poller remembers of work that fails and of leads that are found stays bounded, however many there are."""

import asyncio
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from headrace.poller.checkpoints import MOST_SIGHTED, Checkpoints
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.clock import Clock
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.lead_discovery import MOST_FOUND, LeadDiscovery
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.setback import Setback
from headrace.poller.state import TenantState
from headrace.poller.sweep import LOOKED_AT
from headrace.poller.tenant import TenantPoller
from headrace.records.cursors import CursorEntry, Watched
from headrace.sdk.faults import Denied, Fault, Gone, Rejected, Unavailable
from headrace.sdk.feed import Sighting
from tests.unit.test_scheduler import NOW, Named

MANY = 40_000
WARM = 10_000
"""Until then what is bounded may fill."""
MOST_GROWTH = 4 * 1024 * 1024


def grown_by(one: Callable[[int], None]) -> int:
    """Return by how many bytes memory grows while `one` is done for many numbers, once some were done."""
    for number in range(WARM):
        one(number)
    tracemalloc.start()
    try:
        for number in range(WARM, WARM + MANY):
            one(number)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("feed", "faults"),
    [("all", [Unavailable("")]), ("all", [Denied(""), Rejected("")]), ("trail", [Denied(""), Gone("")])],
)
def test_work_that_fails_is_not_remembered_for_ever(feed: str, faults: Sequence[Fault]) -> None:
    """Webhooks name events and leads: each of them may fail, and never be met again."""
    schedule = Scheduler([Named("all"), Named("trail", by_lead=True)])
    policy = FaultPolicy(schedule, CircuitBreaker())

    def fail(number: int) -> None:
        lead = f"lead-{number}" if feed == "trail" else None
        work = Work(feed, lead, f"event-{number}")
        schedule.wake(work)
        for fault in faults:
            policy.failed(work, fault, NOW)

    assert grown_by(fail) < MOST_GROWTH


def test_every_watched_lead_may_pause() -> None:
    """Where all of them fail, none comes back before its time because of the others."""
    schedule = Scheduler([Named("trail", by_lead=True)])
    leads = [f"lead-{number}" for number in range(WARM)]
    schedule.watch(("trail", lead, 0.0) for lead in leads)
    for lead in leads:
        schedule.pause(Work("trail", lead), Setback(NOW + 90, 1, NOW))
    assert all(schedule.next(NOW + 60) is None for _ in range(WARM // LOOKED_AT))


class Storing:
    """Stands for the writer of `cursors`: counts what it is given."""

    def __init__(self) -> None:
        self.stored = 0
        self.most_together = 0

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Store at once."""
        self.stored += len(entries)
        self.most_together = max(self.most_together, len(entries))


async def test_leads_that_a_feed_comes_across_are_handed_over_by_the_thousand() -> None:
    """A feed that was away for weeks comes across all leads of a platform, before it yields a cursor or after."""
    storing, woken = Storing(), list[int]()
    nothing: Any = None
    checkpoints = Checkpoints(
        "/toy/acme",
        Named("all"),
        Work("all"),
        began=NOW,
        watch_leads=lambda leads, with_news: woken.append(len(leads) and len(with_news)),
        by_lead=(),
        clock=Clock(),
        state=TenantState(),
        raw=nothing,
        watch=nothing,
        statuses=nothing,
        writer=cast("Any", storing),
    )
    for number in range(MANY + 1):
        await checkpoints.sight(Sighting(f"lead-{number}"))
    await checkpoints.save()
    assert storing.stored == sum(woken) == MANY + 1
    assert storing.most_together == MOST_SIGHTED


async def test_no_more_leads_are_found_than_can_be_stored() -> None:
    """While `cursors` take nothing, reading waits: each event that is read then may name one more lead."""
    storing, state = Storing(), TenantState()
    tenant = cast("TenantPoller", Watching(state))
    discovery = LeadDiscovery(cast("Any", storing), {"/toy/acme": tenant}, {})
    finding = asyncio.create_task(_find(discovery, MANY))
    async with asyncio.timeout(30):
        while not finding.done():
            await asyncio.sleep(0)
            assert len(discovery._found) <= MOST_FOUND
            await discovery.store()
    await discovery.store()
    assert storing.stored >= MANY
    assert len(state.leads) == MANY


async def _find(discovery: LeadDiscovery, count: int) -> None:
    for number in range(count):
        await discovery.take(("/toy/acme", f"lead-{number}"), 0, number)


class Watching:
    """Stands for the poller of a tenant that is read by lead."""

    by_lead = ("trail",)

    def __init__(self, state: TenantState) -> None:
        self._state = state

    def canonical_lead(self, lead: str) -> str:
        """Every lead is one."""
        return lead

    def watches(self, lead: str) -> bool:
        """Return whether a lead is watched."""
        return lead in self._state.leads

    def watch(self, leads: Sequence[str]) -> None:
        """Watch leads."""
        self._state.leads.update((lead, Watched(0, "event")) for lead in leads)
