"""A poller on a broker, and the webhooks of its tenants: what it finds is stored, and what commands store it reads."""

import time

import pytest
from msgspec import convert
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.core.mapping import Mapping as Table
from headrace.poller import hook_watch
from headrace.poller.hook_memory import HookMemory
from headrace.providers.discover import discover
from headrace.records.cursors import entry
from headrace.records.hooks import HookOrder, OwnHook
from headrace_demo.simulators import outreach
from headrace_demo.simulators.hooks import FAILED, Hook
from tests.integration.poller_harness import make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

PUBLIC = "https://hooks.example.com"
URL = f"{PUBLIC}/webhooks/outreach/acme"
SOURCE = "/outreach/acme"


async def test_a_poller_finds_stores_and_shows_what_is_wrong(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, then made by a command while it works, then disabled; an order without an end is adopted."""
    monkeypatch.setattr(hook_watch, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(hook_watch, "EVERY_SECONDS", 0.5)
    async with outreach.Simulator(outreach.History(seed=1, events=3)) as there:
        provider = discover()["outreach"]
        keys = {"polling": True, "base_url": there.url} | there.credentials()
        account = Account(provider, "acme", convert(keys, provider.Settings), Table([]))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, account)
        pipeline.config = replace(pipeline.config, public_url=PUBLIC)
        async with pipeline.poller() as working:

            async def shown(state: str) -> bool:
                report = (await pipeline.remembered_of(SOURCE)).hook_report
                return bool(report and report.counts[state]) and working.total("hooks", state=state) == 1

            await pipeline.comes(lambda: shown("missing"), "the webhook is missing")
            there.webhooks.registered.add(Hook("6", URL, "*.*"))
            await pipeline.comes(lambda: shown("foreign"), "somebody made it")
            del there.webhooks.registered.all["6"]
            ordered = int(time.time() * 1000)
            async with HookMemory(pipeline.config, SOURCE) as memory:
                await memory.store([entry(SOURCE, HookOrder(URL, ordered, ("6",)), "*.*")])
            hook = there.webhooks.registered.add(Hook("7", URL, "*.*"))
            await pipeline.comes(lambda: shown("ok"), "the order is found, and the webhook is ours")
            remembered = await pipeline.remembered_of(SOURCE)
            assert (remembered.hooks, remembered.hook_orders) == ({"7": OwnHook("*.*", URL, ordered)}, {})
            hook.state = FAILED
            await pipeline.comes(lambda: shown("disabled"), "it is disabled")
            assert working.total("calls_total", provider="outreach", outcome="ok") > 4
