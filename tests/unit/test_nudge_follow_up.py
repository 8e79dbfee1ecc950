"""What becomes of open nudges whose feed is gone."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from headrace.poller.clock import Clock
from headrace.poller.nudge_follow_up import NudgeFollowUp
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState
from headrace.records.cursors import OpenNudge
from headrace.records.nudge import AddressedNudge
from headrace.sdk.settings import PolledTenant
from tests.fake_provider import polled
from tests.unit.ledgers import ledger_of
from tests.unit.test_scheduler import Named

NUDGE = AddressedNudge(feed="rows", event="7", partition=2, offset=40, record="07", time=1)


class Silent:
    """Metrics that nobody looks at."""

    def nudges(self, *_: object) -> None:
        """Note nothing."""


def followed(state: TenantState, scheduler: Scheduler, by_lead: list[str], clock: Callable[[], float]) -> NudgeFollowUp:
    """Follow up on the nudges of a tenant."""
    account = polled("http://x")
    return NudgeFollowUp(
        account,
        cast("PolledTenant", account.settings),
        by_lead,
        news=asyncio.Event(),
        scheduler=scheduler,
        clock=Clock(clock),
        state=state,
        window=86_400.0,
        raw_lifetime=86_400.0 * 30,
        ledger=ledger_of(account.source, state),
        metrics=cast("Any", Silent()),
    )


def test_what_was_left_to_a_feed_that_was_switched_off_goes_back() -> None:
    """Nobody reads that feed any more: to wait until raw forgets the record would be weeks."""
    state = TenantState()
    state.nudges["rows", "07"] = OpenNudge(NUDGE, came=100_000)
    assert followed(state, Scheduler([]), [], lambda: 200.0).look_after() == [NUDGE]


def test_one_reading_of_a_lead_serves_all_its_nudges() -> None:
    """Only the events that its list did not bring are turns for by themselves, and at once."""
    scheduler = Scheduler([Named("trail", by_lead=True)])
    scheduler.watch([("trail", "a", 0.0)])
    now = iter((200.0, 200.0, 200.0, 201.0, 202.0, 202.0, 202.0))
    follow_up = followed(TenantState(), scheduler, ["trail"], lambda: next(now, 203.0))
    nudges = [
        AddressedNudge(feed="trail", lead="a", event=str(n), partition=2, offset=n, record=f"0{n}", time=1)
        for n in range(3)
    ]
    for nudge in nudges:
        follow_up.take(nudge, 100_000)
    reading = Work("trail", "a")
    assert (scheduler.next(200.0), scheduler.next(200.0)) == (reading, None)
    scheduler.done(reading, 201.0)
    follow_up.nudges.bring(nudges[1], "01", 201.0)
    follow_up.read(reading, 200.5, 0)
    assert follow_up.look_after() == []
    turns = [scheduler.next(202.0)]
    scheduler.done(Work("trail", "a", "0"), 202.0)
    turns.append(scheduler.next(202.0))
    assert turns == [Work("trail", "a", "0"), Work("trail", "a", "2")]
    follow_up.read(Work("trail", "a", "0"), 202.0, 0)
    assert {found.nudge.event: found.reads for _, found in follow_up.nudges._table.open()} == {"0": 1, "2": 0}
