"""Fills the schedule of one tenant with what an earlier process has stored. Pure."""

from collections.abc import Collection, Sequence

from headrace.poller.fault_policy import SEVERAL, FaultPolicy
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState


def resume(
    state: TenantState, scheduler: Scheduler, policy: FaultPolicy, *, by_lead: Sequence[str], named: Collection[str]
) -> None:
    """Note what was read, and when; what was woken and not read since is woken again.

    `by_lead` are the names of the feeds that are read by lead, `named` the leads of the settings.
    """
    positions = state.positions
    for (feed, lead), position in positions.items():
        if not lead:
            scheduler.read_at(feed, position.at / 1000)
    for feed in by_lead:
        read = {lead: positions[feed, lead].at if (feed, lead) in positions else 0 for lead in (*named, *state.leads)}
        ordered = sorted(read.items(), key=lambda item: item[1])
        scheduler.watch((feed, lead, at / 1000) for lead, at in ordered)
        policy.went_well(feed, [lead for lead, at in ordered[-SEVERAL:] if at])
        for lead, watched in state.leads.items():
            if watched.woken > read[lead]:
                scheduler.wake(Work(feed, lead), "found")
