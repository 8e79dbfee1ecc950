"""Every verified delivery goes to raw; whether it is published or wakes a feed, the normalizer decides by its reach.

Each webhook among the samples of each provider, of tenants that are polled and that are not, under the provider's own
table and under overlays.
"""

from pathlib import Path

import pytest
from msgspec.structs import replace

from headrace.sdk.provider import RawEvent, Tenant
from headrace_events import Via
from tests.providers import suite
from tests.providers.nudging import Decided, decide_on, reaching
from tests.providers.suite import HOMES, Home

WEBHOOKS = [
    pytest.param(home, sample, id=f"{home.name}-{sample.stem}")
    for home in HOMES
    for sample in suite.samples(home)
    if suite.beside(sample, ".headers.json").exists()
]
REACHES = ("own", "same", "nudge", "only")
OWN = {
    "leadping-automation_event",
    "leadping-automation_nested",
    "leadsquared-webhook-lead-owner-changed",
    "leadsquared-webhook-lead-owner-changed-guessed",
    "leadsquared-webhook-lead-stage-changed",
    "outreach-call_created",
    "outreach-prospect_created",
    "outreach-prospect_updated_v2",
}
"""The webhooks that are left to a feed by the provider's own table."""
ABLE = {
    "acme-webhook",
    "leadping-automation_free",
    "leadsquared-webhook-activities",
    "leadsquared-webhook-activity-updated",
    "leadsquared-webhook-opportunity",
    "leadsquared-webhook-opportunity-updated",
    "outreach-install_created",
    "outreach-mailing_created",
    "outreach-mailing_delivered",
}
"""Those beside them that a feed can be woken for where an overlay says so; of all others no feed tells."""
LEFT: dict[str, set[str]] = {
    "own": OWN,
    "same": {name for name in OWN if name.startswith("leadping-")},  # an automation's event tells less than the feed
    "nudge": OWN | ABLE,
    "only": set(),
}


def settings_of(home: Home, *, polling: bool) -> Tenant:
    """Return the settings of the kit, with polling on or off."""
    return replace(suite.kit_of(home).settings, polling=polling)


def received(home: Home, sample: Path, *, polling: bool) -> list[RawEvent]:
    """Return what goes to raw."""
    delivery = suite.delivery_of(home, sample)
    return list(suite.provider_of(home).accept(delivery, settings_of(home, polling=polling)).events)


def decided(home: Home, raws: list[RawEvent], reach: str, *, polling: bool) -> Decided:
    """Return what the normalizer decides under a table whose rows all have a reach (`own`: as they are)."""
    mapping = suite.mapping_of(home)
    table = mapping if reach == "own" else reaching(mapping, reach)
    return decide_on(suite.provider_of(home), raws, settings_of(home, polling=polling), table)


@pytest.mark.parametrize(("home", "sample"), WEBHOOKS)
def test_what_goes_to_raw_does_not_depend_on_polling(home: Home, sample: Path) -> None:
    """The receiver knows no row: what is verified is raws, every byte of it."""
    raws = received(home, sample, polling=True)
    assert raws
    assert raws == received(home, sample, polling=False)


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize(("home", "sample"), WEBHOOKS)
def test_without_polling_nothing_is_left_to_a_feed(home: Home, sample: Path, reach: str) -> None:
    """Whatever the row says, nobody else would bring it."""
    found = decided(home, received(home, sample, polling=False), reach, polling=False)
    assert "nudged" not in found.fates
    assert not found.nudges


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize(("home", "sample"), WEBHOOKS)
def test_with_polling_a_record_is_published_or_wakes_a_feed(home: Home, sample: Path, reach: str) -> None:
    """Each nudge names a feed that the tenant has, and the record that it stands for; nothing else is different."""
    raws = received(home, sample, polling=True)
    found, unpolled = (decided(home, raws, reach, polling=polling) for polling in (True, False))
    nudged = [number for number, fate in enumerate(found.fates) if fate == "nudged"]
    assert [(nudge.partition, nudge.offset) for nudge in found.addressed] == [(3, number) for number in nudged]
    assert all(nudge.feed and nudge.time > 0 for nudge in found.addressed)
    rest = [(one, other) for one, other in zip(found.fates, unpolled.fates, strict=True) if one != "nudged"]
    assert all(one == other or {one, other} == {"published", "duplicate"} for one, other in rest)
    if reach == "only":
        assert not found.nudges


@pytest.mark.parametrize("polling", [True, False])
@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize(("home", "sample"), WEBHOOKS)
def test_the_fate_of_each_webhook(home: Home, sample: Path, reach: str, polling: bool) -> None:  # noqa: FBT001  (a case)
    """Which of the samples are left to a feed, under which reach; what cannot be read is neither."""
    found = decided(home, received(home, sample, polling=polling), reach, polling=polling)
    left = polling and f"{home.name}-{sample.stem}" in LEFT[reach]
    expected = {"nudged", "dead"} if left else {"published", "dead", "noop"}
    assert set(found.fates) <= expected
    assert ("nudged" in found.fates) is left


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("come_back", ["as told", "polled"])
@pytest.mark.parametrize(("home", "sample"), WEBHOOKS)
def test_what_comes_back_is_never_nudged_again(home: Home, sample: Path, come_back: str, reach: str) -> None:
    """Neither what a feed brings, nor a webhook's record that no feed brought, wakes a feed: it would go in circles."""
    change = {"as_told": True} if come_back == "as told" else {"via": Via.POLL}
    raws = [replace(raw, **change) for raw in received(home, sample, polling=True)]
    found = decided(home, raws, reach, polling=True)
    assert "nudged" not in found.fates
    assert not found.nudges
