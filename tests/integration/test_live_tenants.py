"""Tenants come, go, pause and change while a poller runs: each stops in order, and none touches another."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from headrace.config.tenants import Account, Tenants
from headrace.poller.tenant import TenantPoller
from tests.fake_provider import polled
from tests.integration.fake_platform import platform
from tests.integration.pipeline import until
from tests.integration.poller_harness import PolledPipeline, RunningPoller, make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka


def now_are(pipeline: PolledPipeline, *accounts: Account) -> None:
    """Put a configuration with these tenants into force."""
    pipeline.live.take_over(replace(pipeline.config, tenants=Tenants(list(accounts))))


def running(working: RunningPoller) -> dict[str, TenantPoller]:
    """Return the tenants that are polled now."""
    return {source: one for task in working.poller.partitions.values() for source, one in task.tenants.items()}


def stops(logged: Sequence[Mapping[str, Any]], source: str) -> list[object]:
    """Return how a tenant stopped, each time: whether it was to go on."""
    return [line["again"] for line in logged if line["event"] == "tenant_stopped" and line["source"] == source]


async def test_a_tenant_is_added_and_removed(kafka: Broker, prefix: str) -> None:
    """What is added is polled, what is removed is polled no more; what comes back goes on from its cursor."""
    async with platform() as there:
        there.add(*range(20))
        first, second = polled(there.url, "t", every=1), polled(there.url, "u", every=1)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, first)
        async with pipeline.poller() as working:
            await pipeline.covered(20)
            untouched = running(working)["/things/t"]
            now_are(pipeline, first, second)
            await pipeline.covered(20, tenant="u")
            assert working.total("feed_records_total", tenant="u") == 20
            now_are(pipeline, first)
            await until(lambda: list(running(working)) == ["/things/t"], "u is polled no more")
            there.add(*range(20, 30))
            await pipeline.covered(30)
            assert await pipeline.cursor(tenant="u") == 20
            assert working.total("tenant_parked", tenant="u") == 0
            now_are(pipeline, first, second)
            await pipeline.covered(30, tenant="u")
            assert sorted(await pipeline.ids("u")) == list(range(30)), "it was read twice"
            assert running(working)["/things/t"] is untouched


async def test_a_paused_tenant_ends_its_turn(kafka: Broker, prefix: str) -> None:
    """The turn in progress ends and its cursor is stored; then nothing is called, until it goes on."""
    async with platform() as there:
        there.add(*range(50))
        there.hang = asyncio.Event()
        account = polled(there.url, every=1)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, account)
        async with pipeline.poller() as working:
            await until(lambda: there.calls["/rows"] > 0, "a call is under way")
            now_are(pipeline, polled(there.url, every=1, paused=True))
            there.hang.set()
            await until(lambda: not running(working), "it has stopped")
            assert await pipeline.cursor() == 50
            spending = (await pipeline.remembered()).spending
            assert spending is not None
            assert spending.until <= time.time(), "nobody waits for calls that are not made"
            calls = there.calls["/rows"]
            there.add(*range(50, 60))
            await asyncio.sleep(3)  # a turn was due each second
            assert there.calls["/rows"] == calls
            now_are(pipeline, account)
            await pipeline.covered(60)
            assert sorted(await pipeline.ids()) == list(range(60)), "it was read twice"


async def test_a_changed_tenant_begins_again_once(kafka: Broker, prefix: str) -> None:
    """Whatever changes while it stops, it begins again once, as the newest settings say, and reads nothing twice."""
    async with platform() as there:
        there.add(*range(60))
        there.hang = asyncio.Event()
        first, other = polled(there.url, every=1), polled(there.url, "u", every=1)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, first, other)
        async with pipeline.poller() as working:
            await until(lambda: there.calls["/rows"] > 1, "both are under way")
            untouched = running(working)["/things/u"]
            with structlog.testing.capture_logs() as logged:
                for page in (3, 4, 5):
                    now_are(pipeline, polled(there.url, every=1, page=page), other)
                    await asyncio.sleep(0.05)
                there.hang.set()
                await until(lambda: bool(stops(logged, "/things/t")), "it has stopped")
                there.add(*range(60, 80))
                await pipeline.covered(80)
                await pipeline.covered(80, tenant="u")
            assert stops(logged, "/things/t") == [True]
            assert not stops(logged, "/things/u")
            assert running(working)["/things/u"] is untouched
            for tenant in ("t", "u"):
                assert sorted(await pipeline.ids(tenant)) == list(range(80)), "it was read twice"


async def test_secrets_of_webhooks_are_none_of_its_business(kafka: Broker, prefix: str) -> None:
    """Where only what the receiver reads has changed, polling goes on."""
    async with platform() as there:
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, every=1))
        async with pipeline.poller() as working:
            await until(lambda: bool(running(working)), "it is polled")
            untouched = running(working)["/things/t"]
            now_are(pipeline, polled(there.url, every=1, webhook_secrets=["new"]))
            there.add(*range(5))
            await pipeline.covered(5)
            assert running(working)["/things/t"] is untouched


async def test_a_hanging_turn_stops_nobody_for_ever(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that does not end is cut off; what it had appended may come twice, and nothing is lost."""
    monkeypatch.setattr("headrace.poller.tenant_tasks.STOP_SECONDS", 0.5)
    async with platform() as there:
        there.add(*range(20))
        there.hang = asyncio.Event()
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url))
        async with pipeline.poller() as working:
            await until(lambda: there.calls["/rows"] > 0, "a call is under way")
            now_are(pipeline)
            await until(lambda: not running(working), "it has stopped")
            there.hang.set()
            now_are(pipeline, polled(there.url))
            await pipeline.covered(20)
            assert set(await pipeline.ids()) == set(range(20))


async def test_a_new_refresh_token_is_taken_as_at_the_start(kafka: Broker, prefix: str) -> None:
    """A refresh token that people change in the settings is used, though another one is stored."""
    async with platform() as there:
        there.add(*range(5))
        there.refresh, there.keys = {"first"}, set()
        how: dict[str, Any] = {"every": 1, "token_key": "k" * 32}
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, refresh="first", **how))
        async with pipeline.poller():
            await pipeline.covered(5)
            there.refresh, there.keys = {"second"}, set()
            there.add(*range(5, 9))
            now_are(pipeline, polled(there.url, refresh="second", **how))
            await pipeline.covered(9)
            assert there.minted[-1] == "second"
            assert sorted(await pipeline.ids()) == list(range(9))
