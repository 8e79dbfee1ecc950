"""What commands say of a maximum staleness that a budget does not keep."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from headrace.cli import feeds
from headrace.cli._feed_rows import FeedRow, feed_rows
from headrace.config.tenants import Account
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.poller.shares import Shares
from headrace.poller.staleness_watch import StalenessWatch
from headrace.poller.state import TenantState
from headrace.records.cursors import FeedState, Watched, entry
from headrace.sdk.limits import CallLimits
from tests.fake_provider import polled

NOW = 1_786_179_600_000
SOURCE = "/things/t"
LIMITS = CallLimits(per_window=10, window=5.0, per_day=1_000)
UNKEPT = (
    "/things/t trail: max_staleness is 6 h, but a round through all leads takes 14 h 24 min at this budget;"
    " 2,400 calls a day would do"
)


def tenant(**settings: Any) -> Account:
    """Configure a tenant with a feed of its own, and one by lead."""
    return polled("http://nowhere", feeds=["rows", "trail"], limits=LIMITS, max_staleness=21_600, **settings)


def remembered(leads: int, calls: float = 0.0) -> TenantState:
    """Remember so many watched leads, of which one takes so many calls."""
    found = TenantState()
    found.apply(entry(SOURCE, FeedState(lead_calls=calls), "trail"))
    for number in range(leads):
        found.apply(entry(SOURCE, Watched(NOW, "people"), str(number)))
    return found


def rows(found: TenantState) -> tuple[FeedRow, FeedRow]:
    """Return the rows of its feeds."""
    first, second = feed_rows(tenant(), found, NOW)
    return first, second


def test_feeds_says_what_is_not_kept_and_what_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    """100 leads at 3 calls each are 300 in six hours; the sweep has 500 of the thousand of a day at most."""
    first, row = rows(remembered(100))
    assert (first.max_staleness_seconds, row.max_staleness_seconds) == (msgspec.UNSET, 21_600)
    assert (row.sweep_seconds, row.would_do) == (msgspec.UNSET, {})
    row = rows(remembered(100, 3.0))[1]
    assert (row.sweep_seconds, row.would_do) == (51_840, {"day": 2_400})
    feeds._write([row], NOW / 1000)
    assert UNKEPT in [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert msgspec.json.decode(msgspec.json.encode(row))["would_do"] == {"day": 2_400}


@contextmanager
def watching() -> Iterator[tuple[StalenessWatch, Registry, list[Any]]]:
    """Yield what watches the maximum staleness of the tenant, and what was logged meanwhile."""
    registry = Registry("1")
    metrics = PollerMetrics(registry, [tenant()])
    metrics.spread(1)
    metrics.rebalanced(1)
    metrics.task_state(0, "running")
    with capture_logs() as logs:
        yield StalenessWatch(tenant(), LIMITS, Shares(), metrics), registry, logs


def test_the_log_says_it_at_the_start_and_when_it_changes() -> None:
    """An average that moves a little around the bound says nothing new."""
    with watching() as (watch, _, logs):
        for leads in (300, 301, 126, 124, 100, 120, 126):
            watch.look({"trail": (leads, 1.0)})
    assert [(log["event"], log["leads"], log["seconds"]) for log in logs] == [
        ("max_staleness_not_kept", 300, 51_840),
        ("max_staleness_kept", 100, 17_280),
        ("max_staleness_not_kept", 126, 21_773),
    ]
    assert (logs[0]["calls_a_day"], logs[0]["max_staleness"], logs[0]["log_level"]) == (2_400, 21_600, "warning")


def test_a_metric_shows_what_a_round_takes_beside_what_is_set() -> None:
    """An alert compares the two."""
    with watching() as (watch, registry, _):
        watch.look({"trail": (300, 1.0)})
        shown = registry.render().decode()
    labels = '{provider="things",tenant="t"}'
    assert f"headrace_sweep_seconds{labels} 51840" in shown
    assert f"headrace_max_staleness_seconds{labels} 21600" in shown
