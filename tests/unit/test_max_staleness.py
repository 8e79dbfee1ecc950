"""What a sweep through all leads needs at a budget, and what would do."""

from hypothesis import given, strategies as st

from headrace.cli._staleness import sentence
from headrace.poller.max_staleness import Sweeping, sweeping
from headrace.poller.shares import MOST_SWEPT, SHARES
from headrace.sdk.limits import CallLimits

DAY = 86_400
LEADPING_LIKE = CallLimits(per_window=300, window=60.0)
PLAN = CallLimits(per_window=10, window=5.0, per_day=10_000)


def test_what_is_kept_has_its_share_of_the_calls() -> None:
    """100,000 leads a day are 1.16 calls a second, of five."""
    found = sweeping({"trail": (100_000, 1.0)}, LEADPING_LIKE, DAY)
    assert found.holds
    assert found.would_do == {}
    assert 0.23 < found.share < 0.26
    assert found.seconds == 40_000
    assert sweeping({"trail": (100_000, 2.0)}, LEADPING_LIKE, DAY).share == 200_000 / DAY / 5


def test_what_a_day_does_not_hold_is_told_with_the_calls_that_would_do() -> None:
    """50,000 leads at 10,000 calls a day, of which the sweep has half at most."""
    found = sweeping({"trail": (50_000, 1.0)}, PLAN, DAY)
    assert not found.holds
    assert found.share == MOST_SWEPT
    assert found.seconds == 864_000
    assert found.would_do == {"day": 100_000}
    took = "a round through all leads takes 10 d at this budget; 100,000 calls a day would do"
    assert sentence(found.seconds, found.would_do, DAY) == f"max_staleness is 1 d, but {took}"


def test_every_limit_that_is_too_low_is_named() -> None:
    """More calls a day would not do where a second has too few as well."""
    found = sweeping({"trail": (100_000, 2.0)}, PLAN, 3600)
    assert found.would_do == {"second": 111.12, "day": 9_600_000}
    assert sentence(found.seconds, found.would_do, 3600).endswith(
        "; 111.12 calls a second and 9,600,000 calls a day would do"
    )


def test_calls_per_lead_that_nobody_knows_are_one() -> None:
    """So is what was measured below it: a list costs a call."""
    assert sweeping({"trail": (1_000, 0.0)}, PLAN, DAY) == sweeping({"trail": (1_000, 1.0)}, PLAN, DAY)
    assert sweeping({}, PLAN, DAY) == Sweeping(seconds=0, share=SHARES["swept"])


@given(
    leads=st.integers(0, 1_000_000),
    calls=st.floats(1, 20),
    within=st.integers(60, 30 * DAY),
    limits=st.builds(
        CallLimits,
        per_window=st.integers(1, 10_000),
        window=st.floats(1, 3_600),
        per_day=st.sampled_from([0, 100, 10_000, 1_000_000]),
        per_year=st.sampled_from([0, 3_000_000]),
    ),
)
def test_what_would_do_does(leads: int, calls: float, within: int, limits: CallLimits) -> None:
    """With the limits that it names, it is kept; the share is always within bounds."""
    found = sweeping({"trail": (leads, calls)}, limits, within)
    assert SHARES["swept"] <= found.share <= MOST_SWEPT
    assert found.holds == (found.seconds <= within)
    second = found.would_do.get("second", limits.per_window / limits.window)
    more = CallLimits(
        per_window=1 + int(second * 1_000),
        window=1_000.0,
        per_day=int(found.would_do.get("day", limits.per_day)),
        per_year=int(found.would_do.get("year", limits.per_year)),
    )
    assert sweeping({"trail": (leads, calls)}, more, within).seconds <= within + 1
