"""Budgets and waiting, without a clock: the platform's own count is simulated beside ours."""

import random

import pytest

from headrace.poller.budget import DAY_SECONDS, Budget, Spent, renewed, restored, written
from headrace.sdk.limits import CallLimits
from headrace.sdk.retry_after import retry_after

NOW = 1_800_000_000.0


def test_no_window_of_the_platform_ever_holds_more_than_allowed() -> None:
    """Whenever a call reaches the platform between its sending and its answer, no window of its holds one too many."""
    rng = random.Random(5)
    budget, now = Budget(CallLimits(per_window=25, window=5.0)), NOW
    counted: list[float] = []
    while len(counted) < 2_000:
        wait = budget.wait(now)
        assert wait is not None
        now += wait
        budget.start(now)
        took = rng.choice((0.001, 0.05, 0.4))
        counted.append(now + rng.random() * took)
        now += took
        budget.end(now)
    assert all(later - earlier > 5.0 for earlier, later in zip(counted, counted[25:], strict=False))


def test_a_backlog_uses_nearly_all_of_a_budget() -> None:
    """With quick answers at least 98 of 100 allowed calls are made."""
    budget, now, calls = Budget(CallLimits(per_window=25, window=5.0)), NOW, 0
    while now < NOW + 500.0:
        now += budget.wait(now) or 0.0
        budget.start(now)
        now += 0.002
        budget.end(now)
        calls += 1
    assert calls >= 0.98 * 25 * 100


def test_calls_that_are_out_hold_their_places() -> None:
    """With every place taken by a call without an answer there is nothing to wait for but an answer."""
    budget = Budget(CallLimits(per_window=2, window=5.0))
    budget.start(NOW)
    budget.start(NOW)
    assert budget.wait(NOW + 60.0) is None
    budget.end(NOW + 61.0)
    assert budget.wait(NOW + 61.0) == 5.0


def test_a_day_is_spent_once_across_a_restart() -> None:
    """What was stored counts on; a day later it is given back."""
    limits = CallLimits(per_window=1000, window=1.0, per_day=10, per_year=1000)
    before = Budget(limits)
    for _ in range(10):
        before.start(NOW)
        before.end(NOW)
    after = Budget(limits, Spent(day=dict(before.spent.day), year=dict(before.spent.year)))
    assert after.left(NOW) == {"window": 1000, "day": 0, "year": 990}
    wait = after.wait(NOW)
    assert wait is not None
    assert DAY_SECONDS <= wait <= DAY_SECONDS + 300.0
    assert after.wait(NOW + wait) == 0.0
    assert after.left(NOW + wait)["day"] == 10


def test_leased_calls_are_never_more_than_there_are() -> None:
    """A lease counts calls that may never be made: what is left is none, never less."""
    limits = CallLimits(per_window=10, window=1.0, per_day=10_000)
    before = Budget(limits)
    before.spend(9_950, NOW)
    lease = renewed(limits, NOW)
    assert lease.calls == 100
    assert restored(limits, written(before, lease, NOW)).left(NOW) == {"window": 0, "day": 0}


def test_nothing_starts_before_the_platform_said() -> None:
    """A hold is kept, and a shorter one later does not end it."""
    budget = Budget(CallLimits(per_window=5, window=1.0))
    budget.hold(NOW + 30.0)
    budget.hold(NOW + 10.0)
    assert budget.wait(NOW) == 30.0
    assert budget.wait(NOW + 30.0) == 0.0


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 120.0),
        (" 0.5 ", 0.5),
        ("1800000060", 60.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("2027-01-15T08:01:00Z", 60.0),
        ("2027-01-15T09:01:00+01:00", 60.0),
        ("2027-01-15 08:01:00", 60.0),
        ("-5", 0.0),
        ("99999999", 86_400.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_every_form_of_retry_after_is_read(header: str | None, wait: float | None) -> None:
    """Seconds, the epoch, both kinds of dates, and nothing that cannot be read."""
    assert retry_after(header, NOW) == wait
