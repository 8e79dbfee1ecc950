"""The two clocks of a poller: the platform's, and ours across wrong clocks and successions."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from msgspec.structs import replace

from headrace.poller.budget import LEASE_SECONDS, restored
from headrace.poller.clock import Clock
from headrace.poller.state import TenantState
from headrace.records.cursors import (
    FeedState,
    OpenNudge,
    Position,
    SealedTokens,
    Spending,
    Watched,
    entry,
)
from headrace.records.nudge import AddressedNudge
from headrace.sdk.limits import CallLimits

NOW = 1_800_000_000.0
NUDGE = OpenNudge(AddressedNudge(feed="feed", lead=None, partition=0, offset=1, record="aa", time=0), came=0)


def test_the_platforms_clock_is_heard_and_trifles_are_not() -> None:
    """A date an hour ahead counts, one from a cache or within seconds does not."""
    clock = Clock(lambda: NOW)
    date = format_datetime(datetime.fromtimestamp(NOW + 3_600, UTC), usegmt=True)
    clock.compare({"date": date, "age": "3600"}, NOW, NOW)
    clock.compare({"date": "yesterday"}, NOW, NOW)
    assert clock.skew == 0.0
    clock.compare({"date": date}, NOW, NOW)
    assert clock.theirs() - clock.now() == pytest.approx(3_600, abs=1)
    clock.compare({"date": format_datetime(datetime.fromtimestamp(NOW + 1, UTC), usegmt=True)}, NOW, NOW)
    assert clock.skew == 0.0


def test_our_clock_never_goes_back() -> None:
    """Whatever the system says: it goes on at nine tenths of the speed, until the system's has caught up."""
    system, steady = iter([100.0, 40.0, 60.0, 190.0, 210.0]), iter([0.0, 0.0, 10.0, 30.0, 80.0, 100.0])
    clock = Clock(lambda: next(system), lambda: next(steady))
    assert [clock.now() for _ in range(5)] == pytest.approx([100.0, 109.0, 127.0, 190.0, 210.0])


def test_a_successor_whose_clock_is_behind_waits_for_nothing() -> None:
    """What was stored is a moment ago, not in an hour; its time is the system's once that has caught up."""
    passed = 0.0
    state = TenantState()
    stored = [
        entry("/p/t", Position(b"", int(NOW * 1000)), "feed", ""),
        entry("/p/t", Spending({}, {}, NOW + LEASE_SECONDS, 3)),
        entry("/p/t", SealedTokens("", minted=int((NOW - 5) * 1000), intent=int((NOW - 6) * 1000))),
    ]
    for one in stored:
        state.apply(one)
    clock = Clock(lambda: NOW - 3_600 + passed, lambda: passed, begin=state.newest)
    assert (state.newest, clock.now(), clock.ahead) == (NOW, NOW, 3_600)
    budget = restored(CallLimits(per_window=3, window=5.0), state.spending)
    assert budget.wait(clock.now()) == LEASE_SECONDS + 5.0
    passed = 60.0
    assert (clock.now(), clock.ahead) == (NOW + 54, 3_594)
    passed = 36_060.0
    assert (clock.now(), clock.ahead) == (NOW + 32_460, 0.0)


def test_what_was_stored_last_is_the_newest_time() -> None:
    """Of whatever pollers note of themselves; what people or platforms date does not count."""
    for one in (
        entry("/p/t", Position(b"", 7_000), "feed", "lead"),
        entry("/p/t", Spending({}, {}, 7.0 + LEASE_SECONDS)),
        entry("/p/t", FeedState(tried=7_000, next=9_000), "feed"),
        entry("/p/t", SealedTokens("", minted=7_000, expires=9_000)),
        entry("/p/t", SealedTokens("", intent=7_000)),
        entry("/p/t", replace(NUDGE, came=7_000, written=9_000), "feed", "aa"),
        entry("/p/t", replace(NUDGE, looked=7_000), "feed", "aa"),
        entry("/p/t", replace(NUDGE, ended=7_000), "feed", "aa"),
    ):
        state = TenantState()
        state.apply(entry("/p/t", Watched(9_000, "people"), "lead"))
        assert state.newest == 0.0
        state.apply(one)
        assert state.newest == 7.0
