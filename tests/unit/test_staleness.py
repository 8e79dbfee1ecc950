"""A small model of a polled tenant on a virtual clock: how stale events are, and that nothing starves.

`make staleness` plays the large one (tests/staleness/README.md). All times are virtual.
"""

from functools import cache

import numpy as np
import pytest

from headrace.sdk.limits import CallLimits
from tests.staleness.leadping import LeadPing
from tests.staleness.leadsquared import LeadSquared
from tests.staleness.load import DAY, a_load
from tests.staleness.measure import DISCOVERY, SWEEP, WEBHOOKS, Result, Scene, played
from tests.staleness.model import Platform, Way
from tests.staleness.table import table

LEADS, EVENTS_A_DAY = 1_000, 1_210
TARGET_SECONDS = 90.0


class ScaledLeadPing(LeadPing):
    """The same feeds; a hundredth of the leads has a fifteenth of the calls, for a list costs one for few rows, too."""

    limits = CallLimits(per_window=20, window=60.0)


def scaled_leadsquared() -> Platform:
    """Return the account with a tenth of the calls of a plan."""
    return LeadSquared(CallLimits(per_window=2, window=5.0, per_day=2_000))


@cache
def small(platform: type[LeadPing], way: Way) -> Result:
    """Play a day of it."""
    return played(Scene(platform, way, warm_up=0.1, tail=0.1), seed=7, leads=LEADS, events_a_day=EVENTS_A_DAY)


def p95(result: Result) -> float:
    """Return the staleness that nineteen of twenty events do not exceed, in seconds."""
    return float(np.quantile(result.staleness, 0.95))


def test_discovery_brings_events_within_a_minute_and_a_half() -> None:
    """A sweep that wants all calls that there are holds up neither it nor any lead for long."""
    found = small(ScaledLeadPing, DISCOVERY)
    assert p95(found) <= TARGET_SECONDS
    assert found.waits.longest["due"] <= 60.0
    assert found.waits.never_read == 0
    assert found.waits.lead <= 2 * LEADS / (ScaledLeadPing.limits.per_window / ScaledLeadPing.limits.window)


def test_webhooks_starve_nothing() -> None:
    """What they name is read at once; discovery and the sweep go on."""
    found = small(ScaledLeadPing, WEBHOOKS)
    assert p95(found) <= TARGET_SECONDS
    assert found.waits.longest["nudged"] <= 60.0
    assert found.waits.longest["due"] <= 60.0
    assert found.waits.never_read == 0


def test_a_sweep_alone_takes_a_round() -> None:
    """Which the model finds as arithmetic does."""
    found = small(ScaledLeadPing, SWEEP)
    a_round = LEADS / (ScaledLeadPing.limits.per_window / ScaledLeadPing.limits.window)
    assert 0.8 * a_round <= p95(found) <= 1.6 * a_round
    assert found.calls.keys() == {"swept"}


def test_a_budget_by_the_day_lasts_through_it() -> None:
    """Streams of codes go on all day, and so does the sweep."""
    scene = Scene(scaled_leadsquared, DISCOVERY, warm_up=1, tail=0.1)
    found = played(scene, seed=7, leads=LEADS, events_a_day=EVENTS_A_DAY)
    assert sum(found.calls.values()) <= 2_000
    assert found.calls["swept"] >= 100
    assert found.waits.longest["due"] <= 60.0


def test_the_load_is_that_of_a_day() -> None:
    """So many events, most of few leads, more by day than by night."""
    load = a_load(1, leads=LEADS, events_a_day=EVENTS_A_DAY, begin=0.0, end=10 * DAY)
    assert len(load.at) == pytest.approx(10 * EVENTS_A_DAY, rel=0.05)
    by_lead = np.sort(np.diff(load.lead_at))[::-1]
    assert by_lead[: LEADS // 10].sum() > 0.5 * len(load.at)
    hours = np.bincount((load.created % DAY // 3600).astype(int), minlength=24)
    assert hours[10] > 20 * hours[2]


def test_the_table_has_a_row_for_each_way() -> None:
    """In Markdown."""
    lines = table([small(ScaledLeadPing, DISCOVERY)]).splitlines()
    assert len(lines) == 3
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| LeadPing | discovery |")
