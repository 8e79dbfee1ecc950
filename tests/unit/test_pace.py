"""How a budget by the day is spread over it, on a clock of its own."""

from collections import Counter

import pytest

from headrace.poller.budget import Budget
from headrace.poller.call_pace import CallPace
from headrace.poller.shares import KINDS, SHARES, Kind, Shares
from headrace.sdk.limits import CallLimits
from tests.unit.test_scheduler import NOW

DAY = 86_400
LIMITS = CallLimits(per_window=10, window=5.0, per_day=10_000)


def spend(wanted: dict[Kind, float], days: int = 3, swept: float = SHARES["swept"]) -> list[Counter[str]]:
    """Make each call that is wanted of a kind (calls a second) as soon as it may be; return those of each hour."""
    pace, budget, shares = CallPace(), Budget(LIMITS), Shares()
    shares.swept = swept
    waiting, hours = dict.fromkeys(wanted, 0.0), list[Counter[str]]()
    for second in range(0, days * DAY, 2):
        now = NOW + second
        if second % 3_600 == 0:
            hours.append(Counter())
        for kind, rate in wanted.items():
            waiting[kind] = min(waiting[kind] + 2 * rate, 1e6)
        for _ in range(4):
            allowed = pace.allowed(budget, now, shares)
            ready = [each for each in shares.order() if each in allowed and waiting.get(each, 0.0) >= 1.0]
            if not ready or budget.wait(now) != 0.0:
                break
            kind = ready[0]
            budget.start(now)
            budget.end(now)
            pace.count(kind, 1, now)
            shares.count(kind, 1)
            waiting[kind] -= 1.0
            hours[-1][kind] += 1
    return hours


def test_a_sweep_without_end_lasts_through_the_day() -> None:
    """No hour of it is without calls, and what is due has its own in each."""
    for hour in spend({"due": 1 / 60, "swept": 100.0})[1:]:
        assert hour["due"] >= 59
        assert 200 <= hour["swept"] <= 330


def test_nothing_starves_where_nudges_want_more_than_there_is() -> None:
    """Though nudges spend a whole day in an hour, the others go on in every hour, and what is due has all it wants."""
    hours = spend({"nudged": 100.0, "due": 1 / 60, "found": 100.0, "unsure": 100.0, "swept": 100.0}, days=4)
    last = sum(hours[-48:], Counter())
    assert last["due"] >= 48 * 59
    for kind in KINDS:
        assert last[kind] >= 0.5 * SHARES[kind] * sum(last.values()), (kind, last)
    assert min(hour["due"] for hour in hours[1:]) >= 59


def test_a_sweep_that_has_to_be_faster_gets_its_share_of_the_whole_budget() -> None:
    """Whatever nudges and found leads want beside it; what is due has all its calls."""
    more: list[dict[Kind, float]] = [{}, {"nudged": 100.0, "found": 100.0}]
    for wanted in more:
        last = sum(spend(wanted | {"due": 1 / 60, "swept": 100.0}, days=3, swept=0.5)[-48:], Counter())
        assert last["swept"] >= 0.45 * 2 * 10_000, last
        assert all(last[kind] >= 500 for kind in wanted), last
        assert last["due"] >= 48 * 59


def test_a_burst_of_nudges_is_read_at_once() -> None:
    """They are not held to the even pace while the budget lasts."""
    assert spend({"nudged": 1.0}, days=1)[0]["nudged"] > 3_500


def test_the_sweep_leaves_room_in_the_short_window() -> None:
    """Its calls are spread over it, so that one which is due never waits for many; in the long run none is lost."""
    pace, budget = CallPace(), Budget(CallLimits(per_window=300, window=60.0))
    now, swept, waited = NOW, 0, list[float]()
    while now < NOW + 600:
        if budget.wait(now) == 0.0 and "swept" in pace.allowed(budget, now, Shares()):
            budget.start(now)
            budget.end(now)
            swept += 1
        waited.append(budget.wait(now) or 0.0)
        now += 0.03
    assert max(waited) <= 2.0
    assert swept >= 0.98 * 600 * 5


@pytest.mark.parametrize("limits", [CallLimits(per_window=300, window=60.0), CallLimits(per_window=25, window=5.0)])
@pytest.mark.parametrize("wanted", [("nudged",), ("found",), ("nudged", "found", "unsure")])
@pytest.mark.parametrize("share", [SHARES["swept"], 0.5])
def test_where_others_fill_the_short_window_the_sweep_has_its_share(
    limits: CallLimits, wanted: tuple[Kind, ...], share: float
) -> None:
    """All wait for the next call there is: then nobody waits for the sweep's."""
    pace, budget, shares = CallPace(), Budget(limits), Shares()
    shares.swept = share
    calls: Counter[Kind] = Counter()
    for step in range(1_800):
        now = NOW + step / 10
        while budget.wait(now) == 0.0:
            kind = next(
                each
                for each in shares.order()
                if each in (*wanted, "swept") and each in pace.allowed(budget, now, shares)
            )
            budget.start(now)
            budget.end(now)
            pace.count(kind, 1, now)
            shares.count(kind, 1)
            calls[kind] += 1
    assert calls.total() >= 0.9 * 180 * limits.per_window / limits.window
    assert 0.8 * share <= calls["swept"] / calls.total() <= 1.2 * share


def test_without_a_long_budget_everything_may_begin() -> None:
    """The window of some seconds is the rate limiter's affair."""
    limits = CallLimits(per_window=300, window=60.0)
    pace, budget = CallPace(), Budget(limits)
    pace.count("swept", 10**6, NOW)
    assert pace.allowed(budget, NOW, Shares()) == KINDS
