"""The poller on a broker: what it brings, what it remembers, and that the one never runs ahead of the other."""

import asyncio
import random

import pytest

from headrace.kafka.producer import Transactions, WriteFailed
from headrace.records.cursors import Position, encode, entry, home_partition
from tests.fake_provider import polled
from tests.integration.fake_platform import platform
from tests.integration.poller_harness import make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka


async def test_a_feed_is_read_to_its_end_and_its_cursor_stored(kafka: Broker, prefix: str) -> None:
    """Every row is in raw, the cursor covers them all, and what the feed found out is remembered."""
    async with platform() as there:
        there.add(*range(100))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url))
        async with pipeline.poller() as working:
            await pipeline.covered(100)
            assert sorted(await pipeline.ids()) == list(range(100))
            remembered = await pipeline.remembered()
            assert remembered.facts["seen"].value == "100"
            assert (remembered.feeds["rows"].events, remembered.feeds["rows"].code) == (100, "")
            assert working.total("turns_total", tenant="t", feed="rows", outcome="ok") == 1


@pytest.mark.slow
async def test_promise_3_cancelled_at_any_moment_nothing_is_lost_and_no_cursor_runs_ahead(
    kafka: Broker, prefix: str
) -> None:
    """Whenever a poller ends, all that the stored cursor covers is in raw, and its successor brings the rest."""
    dice = random.Random(4)
    async with platform() as there:
        there.add(*range(4_000))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, page=3))
        cursor = rounds = 0
        while cursor < len(there.rows["/rows"]) and rounds < 8:
            async with pipeline.poller() as working:
                await working.runs()
                await asyncio.sleep(dice.uniform(0.0, 0.5))  # where it is hit is left to chance
            before, cursor, rounds = cursor, await pipeline.cursor(), rounds + 1
            assert before <= cursor
            assert set(range(cursor)) <= set(await pipeline.ids())
        async with pipeline.poller():
            await pipeline.covered(4_000)
        assert set(await pipeline.ids()) == set(range(4_000))


async def test_two_pollers_share_the_tenants(kafka: Broker, prefix: str) -> None:
    """Tenants spread over pollers, and each is polled by one at a time, which goes on when the other leaves."""
    names = [f"t{number}" for number in range(8)]
    async with platform() as there:
        there.add(*range(10))
        accounts = [polled(there.url, name, every=1) for name in names]
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, *accounts, partitions=4)
        async with pipeline.poller() as first, pipeline.poller() as second:
            await asyncio.gather(first.runs(tasks=2), second.runs(tasks=2))
            for name in names:
                await pipeline.covered(10, tenant=name)
            owned = [set(one.poller.partitions) for one in (first, second)]
            assert not owned[0] & owned[1]
            await second.stop()
            await first.runs(tasks=4)
            there.add(*range(10, 20))
            for name in names:
                await pipeline.covered(20, tenant=name)


async def test_a_zombie_cannot_overwrite_a_cursor(kafka: Broker, prefix: str) -> None:
    """Whoever was replaced fails to store, and what it wanted to store is never seen."""
    async with platform() as there:
        there.add(*range(10))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url), partitions=1)
        zombie = Transactions(pipeline.config.kafka, f"{prefix}poller-0")
        await zombie.fence()
        async with pipeline.poller():
            await pipeline.covered(10)
            stale = encode(entry("/things/t", Position(b"3", 1), "rows", ""))
            with pytest.raises(WriteFailed) as failed:
                await zombie.write({(pipeline.topic("cursors"), home_partition("/things/t", 1)): [stale]})
            assert failed.value.fenced
        await zombie.close()
        assert await pipeline.cursor() == 10


@pytest.mark.slow
async def test_a_replaced_poller_takes_up_again_what_the_other_left(kafka: Broker, prefix: str) -> None:
    """One that is fenced while it still owns its partition recovers by itself, from what stands in the log."""
    async with platform() as there:
        there.add(*range(10))
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, polled(there.url, every=1), partitions=1)
        async with pipeline.poller() as working:
            await pipeline.covered(10)
            usurper = Transactions(pipeline.config.kafka, f"{prefix}poller-0")
            await usurper.fence()
            await usurper.close()
            there.add(*range(10, 30))
            await pipeline.covered(30)
            assert working.total("fenced_total") >= 1
        assert set(await pipeline.ids()) == set(range(30))
