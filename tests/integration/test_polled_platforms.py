"""The real feeds at work: the poller, a broker, and the three simulated platforms."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from headrace.config.tenants import Account
from headrace.core.mapping import Mapping as Table
from headrace.providers.discover import discover
from headrace.providers.outreach.client import OAuth
from headrace.records.raw import from_raw_record
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.history import History, Shape
from headrace_demo.simulators.ledger import Key
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.kafka.broker import Broker
from tests.providers.feeds_kit import trouble

pytestmark = pytest.mark.apache_kafka

FREE = Allowance()


def account(platform: Simulator, **settings: Any) -> Account:
    """Configure the tenant of a platform."""
    provider = discover()[platform.provider]
    tenant = provider.Settings(polling=True, base_url=platform.url, **settings)  # type: ignore[call-arg]  # each has its own
    assert not list(tenant.faults())
    return Account(provider, "acme", tenant, Table([]))


async def found(pipeline: PolledPipeline) -> Mapping[Key, str]:
    """Give what raw has of each activity, all its records together."""
    texts: dict[Key, str] = {}
    for record in await pipeline.records("raw"):
        raw = from_raw_record(record.headers, record.value)
        key = Key(raw.resource, raw.id)
        texts[key] = texts.get(key, "") + (record.value or b"").decode()
    return texts


async def test_the_feeds_bring_the_whole_history_of_their_platforms(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever passes of what goes wrong, and though tokens end in mid-page: all that exists is in raw."""
    monkeypatch.setattr(OAuth, "pause", 0.0)  # else every token that ends costs a minute
    leads, lists = leadping.History(seed=2, events=60, leads=2), leadsquared.History(seed=2, events=60, leads=2)
    events = outreach.History(seed=2, events=200)
    histories: list[History] = [leads, lists, events]
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(leadping.Simulator(leads, allowance=FREE))
        second = await stack.enter_async_context(leadsquared.Simulator(lists, allowance=FREE))
        third = await stack.enter_async_context(outreach.Simulator(events, allowance=FREE))
        third.tokens.terms.mint_every, third.conduct.heaviest = 0.0, 50
        for platform in (first, second):
            trouble(platform.faults)
        third.faults.next(1, "401", path="/events", after=2)
        third.faults.next(1, "403", path="/events", after=4)
        accounts = [
            account(first, api_key=first.api_key, leads=leads.leads),
            account(second, access_key=second.access_key, secret_key=second.secret_key, leads=lists.leads),
            account(
                third,
                client_id=third.tokens.client_id,
                client_secret=third.tokens.client_secret,
                redirect_uri=third.tokens.redirect_uri,
                refresh_token=third.tokens.refresh_token,
                token_key="k" * 32,
            ),
        ]
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, *accounts)

        async def whole() -> bool:
            texts = await found(pipeline)
            wanted = {key: mark for each in histories for key, mark in each.ledger.wanted(each.end).items()}
            return all(mark in texts.get(key, "") for key, mark in wanted.items()) and wanted.keys() <= texts.keys()

        async with pipeline.poller():
            await pipeline.comes(whole, "the histories of three platforms are in raw")
        assert third.tokens.reused == third.tokens.too_soon == 0


async def test_leads_that_nobody_named_are_found_and_read(kafka: Broker, prefix: str) -> None:
    """What was changed within a day is found by the feeds of the account; each lead's own feed brings the rest."""
    lists = leadsquared.History(seed=3, events=80, leads=5, shape=Shape(span=72_000.0, edited=0.0))
    async with leadsquared.Simulator(lists, allowance=FREE) as platform:
        platform.conduct.all_codes = "absent"
        tenant = account(platform, access_key=platform.access_key, secret_key=platform.secret_key)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, tenant)

        async def whole() -> bool:
            texts = await found(pipeline)
            return all(mark in texts.get(key, "") for key, mark in lists.ledger.wanted(lists.end).items())

        async with pipeline.poller():
            await pipeline.comes(whole, "the history of an account without a list of leads is in raw")
    paths = {call.path.rsplit("/", 1)[1] for call in platform.calls}
    assert {"Retrieve", "RetrieveByActivityEvent", "Leads.RecentlyModified", "ActivityTypes.Get"} <= paths
