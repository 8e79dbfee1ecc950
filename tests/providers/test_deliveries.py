from pathlib import Path

import pytest
from msgspec.structs import replace

from headrace.sdk.provider import Refused
from headrace_events import Via
from tests.providers import suite
from tests.providers.suite import HOMES, Home

DELIVERED = [
    pytest.param(home, sample, id=f"{home.name}/{sample.name}")
    for home in HOMES
    for sample in suite.samples(home)
    if suite.beside(sample, ".headers.json").exists()
]


@pytest.mark.parametrize(("home", "sample"), DELIVERED)
def test_a_genuine_delivery_is_accepted(home: Home, sample: Path) -> None:
    """A signed delivery gives raw events of this provider and tenant, via webhook, with a 2xx to answer."""
    delivery = suite.delivery_of(home, sample)
    accepted = suite.accepted(home, delivery)
    assert accepted.status // 100 == 2
    assert accepted.events
    for raw in accepted.events:
        assert (raw.source, raw.via, raw.received) == (
            f"/{home.name}/{delivery.tenant}",
            Via.WEBHOOK,
            delivery.received,
        )


@pytest.mark.parametrize(("home", "sample"), DELIVERED)
def test_an_unsigned_delivery_is_refused(home: Home, sample: Path) -> None:
    """Without what proves it genuine a delivery is refused, with a sentence that holds no secret."""
    delivery = suite.delivery_of(home, sample)
    bare = replace(delivery, headers={"content-type": delivery.headers["content-type"]})
    with pytest.raises(Refused) as refused:
        suite.accepted(home, bare)
    assert refused.value.status == 401
    assert not any(secret in str(refused.value) for secret in suite.kit_of(home).settings.webhook_secrets)


@pytest.mark.parametrize(("home", "sample"), DELIVERED)
def test_nothing_is_accepted_without_secrets(home: Home, sample: Path) -> None:
    """A tenant without a webhook secret accepts nothing."""
    settings = replace(suite.kit_of(home).settings, webhook_secrets=[])
    with pytest.raises(Refused):
        suite.provider_of(home).accept(suite.delivery_of(home, sample), settings)
