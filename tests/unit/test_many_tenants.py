"""Thousands of tenants make a reading of the metrics longer, but not endless."""

import pytest

from headrace.config.tenants import Account, Tenants
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.observe.registry import MOST, STARTED, Registry
from headrace.poller.metrics import PollerMetrics
from headrace.receiver.metrics import ReceiverMetrics
from headrace_events import Type
from tests.fake_provider import TABLE, polled, tenants

TENANTS = 3_000


def accounts() -> Tenants:
    """Return thousands of tenants: built once each, as their tables are the same."""
    (bare,) = tenants(TABLE, "one")
    polled_one = polled("http://nowhere", "one", feeds=["rows", "trail"])
    many = [Account(polled_one.provider, f"t{number}", polled_one.settings, bare.mapping) for number in range(TENANTS)]
    return Tenants(many)


@pytest.mark.parametrize("role", [NormalizerMetrics, ReceiverMetrics, PollerMetrics])
def test_a_reading_does_not_grow_with_tenants_times_words(
    role: type[NormalizerMetrics | ReceiverMetrics | PollerMetrics],
) -> None:
    """No metric shows more than its share before anything happened."""
    registry = Registry("1")
    role(registry, accounts())
    counts: dict[str, int] = {}
    for line in registry.render().decode().splitlines():
        name = line.partition("{")[0]
        counts[name] = counts.get(name, 0) + 1
    assert max(counts.values()) <= STARTED
    assert sum(counts.values()) < 12 * STARTED


def test_what_is_beyond_the_limit_is_counted_all_the_same() -> None:
    """Sums stay right: further tenants are `other`, those that were there before stay what they are."""
    registry = Registry("1")
    published = registry.series("headrace_published_total")
    for tenant in range(TENANTS):
        for word in list(Type)[:10]:
            published.add(("things", f"t{tenant}", word))
    published.add(("things", "t0", next(iter(Type))))
    assert sum(published.values.values()) == TENANTS * 10 + 1
    assert len(published.values) <= MOST + 10
    assert published.values["things", "t0", next(iter(Type))] == 2


def test_codes_of_thousands_of_tenants_stay_bounded() -> None:
    """Where there is no room for more label sets, the tenant `other` has no more codes than any tenant may have."""
    codes = Registry("1").capped("headrace_unmapped_total")
    for tenant in range(TENANTS):
        for code in range(8):
            codes.add(("things", f"t{tenant}", f"c{code} of {tenant}"))
    codes.add(("things", "t0", "c0 of 0"))
    assert sum(codes.values.values()) == TENANTS * 8 + 1
    assert len(codes.values) <= MOST + codes.most + 1
    assert codes.values["things", "t0", "c0 of 0"] == 2
    assert codes.values["things", "other", "other"] > 0
