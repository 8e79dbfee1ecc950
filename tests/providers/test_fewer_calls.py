"""What needs no call is not asked for: nudges of one lead share a turn, and a lead without rows costs one call.

That a webhook which carries the whole row wakes nobody, `test_reach.py` holds for each sample.
"""

import asyncio
from pathlib import Path
from typing import Any, Final, cast

import pytest
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.poller.clock import Clock
from headrace.poller.nudge_follow_up import NudgeFollowUp
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.state import TenantState
from headrace.records.nudge import AddressedNudge
from headrace.sdk.feed import Feed, Polled, Turn
from headrace.sdk.settings import PolledTenant
from tests.providers import suite
from tests.providers.feeds_kit import Memory, read
from tests.providers.suite import HOMES, Home
from tests.providers.test_reach import ABLE, OWN, WEBHOOKS, decided, received, settings_of
from tests.unit.ledgers import ledger_of

WAKING = [case for case in WEBHOOKS if case.id in (OWN | ABLE) - {"acme-webhook"}]
"""The webhooks that may wake a feed; where no lead stands between, as in the tutorial, each event is a turn."""
EMPTY: Final[dict[str, bytes]] = {
    "leadping": b'{"items":[]}',
    "leadsquared": b'{"RecordCount":0,"ProspectActivities":[]}',
}
"""What the list of a lead without rows is at the providers that are read by lead."""
NOW: Final = 1_790_899_200.0
WEBHOOKS_OF_A_LEAD: Final = 20
LEARNING: Final = 3
"""Turns in which a feed may find out how its platform counts."""


class _Silent:
    """Metrics that nobody looks at."""

    def nudges(self, *_: object) -> None:
        """Note nothing."""


def _feeds(home: Home) -> list[Feed]:
    provider = suite.provider_of(home)
    return list(provider.feeds(settings_of(home, polling=True))) if isinstance(provider, Polled) else []


def _follow_up(home: Home, scheduler: Scheduler) -> NudgeFollowUp:
    """Follow up on the nudges of a tenant that has all feeds of its provider."""
    settings = settings_of(home, polling=True)
    return NudgeFollowUp(
        Account(suite.provider_of(home), "acme", settings, suite.mapping_of(home)),
        cast("PolledTenant", settings),
        [feed.name for feed in _feeds(home) if feed.by_lead],
        news=asyncio.Event(),
        scheduler=scheduler,
        clock=Clock(lambda: NOW),
        state=TenantState(),
        window=86_400.0,
        raw_lifetime=86_400.0 * 30,
        ledger=ledger_of(f"/{home.name}/acme"),
        metrics=cast("Any", _Silent()),
    )


@pytest.mark.parametrize(("home", "sample"), WAKING)
def test_all_webhooks_of_a_lead_are_one_turn(home: Home, sample: Path) -> None:
    """However many of them tell of however many events: one reading on from the cursor serves them all."""
    scheduler = Scheduler(_feeds(home))
    for feed in _feeds(home):
        scheduler.read_at(feed.name, NOW)
    follow_up = _follow_up(home, scheduler)
    nudges = decided(home, received(home, sample, polling=True), "nudge", polling=True).addressed
    assert nudges
    for number in range(WEBHOOKS_OF_A_LEAD):
        for nudge in nudges:
            follow_up.take(_another(nudge, number), int(NOW * 1000))
    turns: list[Work] = []
    while (work := scheduler.next(NOW, ["nudged"])) is not None:
        turns.append(work)
        scheduler.done(work, NOW)
    assert sorted(turns, key=str) == sorted({Work(work.feed, work.lead) for work in turns}, key=str)
    by_lead = {feed.name for feed in _feeds(home) if feed.by_lead}
    leads = {(nudge.feed, nudge.lead if nudge.feed in by_lead else None) for nudge in nudges}
    assert len(turns) == len(leads)


@pytest.mark.parametrize("home", [home for home in HOMES if any(feed.by_lead for feed in _feeds(home))])
async def test_a_lead_without_rows_costs_one_call(home: Home) -> None:
    """Once it is known how the platform counts; in each of its turns, the first one included."""
    for feed in _feeds(home):
        if feed.by_lead:
            api = Memory(lambda _: EMPTY[home.name])
            for number in range(LEARNING):
                await read(feed, api, turn=Turn(lead=f"other-{number}"))
            cursor = b""
            for _ in range(3):
                api.calls.clear()
                found = await read(feed, api, cursor, Turn(lead="lead-1"))
                cursor = found.cursor
                assert (len(api.calls), found.raws, found.lacks) == (1, [], "")


def _another(nudge: AddressedNudge, number: int) -> AddressedNudge:
    """Return a nudge of the same lead for another record of raw."""
    event = nudge.event and f"{nudge.event[:-2]}{number:02}"
    return replace(nudge, event=event, offset=number, record=f"{number:04x}", time=int(NOW * 1000) - number)
