"""What becomes of open nudges whose feed is gone."""

import asyncio
from typing import Any, cast

from headrace.poller.clock import Clock
from headrace.poller.nudge_follow_up import NudgeFollowUp
from headrace.poller.scheduler import Scheduler
from headrace.poller.state import TenantState
from headrace.records.cursors import OpenNudge
from headrace.records.nudge import AddressedNudge
from headrace.sdk.settings import PolledTenant
from tests.fake_provider import polled

NUDGE = AddressedNudge(feed="rows", event="7", partition=2, offset=40, record="07", time=1)


class Silent:
    """Metrics that nobody looks at."""

    def nudges(self, *_: object) -> None:
        """Note nothing."""


def test_what_was_left_to_a_feed_that_was_switched_off_goes_back() -> None:
    """Nobody reads that feed any more: to wait until raw forgets the record would be weeks."""
    account, state = polled("http://x"), TenantState()
    state.nudges["rows", "07"] = OpenNudge(NUDGE, came=100_000)
    follow_up = NudgeFollowUp(
        account,
        cast("PolledTenant", account.settings),
        [],
        news=asyncio.Event(),
        scheduler=Scheduler([]),
        clock=Clock(lambda: 200.0),
        state=state,
        window=86_400.0,
        raw_lifetime=86_400.0 * 30,
        metrics=cast("Any", Silent()),
    )
    assert follow_up.look_after() == [NUDGE]
