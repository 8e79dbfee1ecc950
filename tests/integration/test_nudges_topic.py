"""What a poller notices of `nudges`: that some were gone before it read them, and that the topic is another one."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace.cli._nudged_records import AppendedBetween, send_nudged
from headrace.config.tenants import Account
from headrace.kafka import topics
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import Consumer
from headrace.poller import nudge_inbox
from headrace.poller.state import read_all
from headrace.records.nudge import AddressedNudge, encode_nudge
from tests.fake_provider import Row, hook, polled
from tests.integration.fake_platform import platform
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.kafka.broker import Broker
from tests.kafka.client import delete_records, delete_topic

pytestmark = pytest.mark.apache_kafka


async def pipeline_of(kafka: Broker, prefix: str, account: Account) -> PolledPipeline:
    """Return a pipeline for one tenant with one partition of each topic."""
    return await make_polled(kafka.bootstrap_servers, prefix, account, partitions=1)


async def nudge(pipeline: PolledPipeline, *events: str) -> None:
    """Append nudges of people, each for one event."""
    async with Appender(pipeline.config.kafka) as appender:
        for event in events:
            out = encode_nudge("/things/t", AddressedNudge(feed="rows", event=event))
            await appender.append(pipeline.topic("nudges"), 0, out)


async def nudges_read(pipeline: PolledPipeline, upto: int) -> None:
    """Wait until the position in `nudges` is stored."""

    async def there() -> bool:
        return (await read_all(pipeline.config)).nudged.get(0, 0) >= upto

    await pipeline.comes(there, f"nudges are read up to {upto}")


async def gaps(pipeline: PolledPipeline) -> dict[tuple[int, int], int | None]:
    """Return the gaps that are remembered, by partition and offset, with their ends."""
    return {at: gap.end for at, gap in (await read_all(pipeline.config)).gaps.items()}


async def test_nudges_that_retention_took_unread_are_missed(kafka: Broker, prefix: str) -> None:
    """It is said from where to where they are gone, and reading goes on with the first that is there."""
    async with platform() as there:
        pipeline = await pipeline_of(kafka, prefix, polled(there.url, feeds=["rows"]))
        there.add(*range(70, 80), path="/elsewhere")
        await nudge(pipeline, "71")
        async with pipeline.poller():
            await pipeline.brought([71])
            await nudges_read(pipeline, 1)
        await nudge(pipeline, "72", "73", "74")
        await delete_records(kafka.bootstrap_servers, pipeline.topic("nudges"), 0, before=3)
        async with pipeline.poller() as working:
            await pipeline.brought([71, 74])
            assert working.total("nudge_gaps_total") == 1
            await nudges_read(pipeline, 4)
        assert await gaps(pipeline) == {(0, 1): 3}
        assert there.calls["/rows/72"] == 0


async def test_markers_alone_are_no_gap(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions leave a marker behind the last nudge: where retention takes all that was read, nothing is missed."""
    monkeypatch.setattr(nudge_inbox, "POSITION_EVERY_SECONDS", 0.5)
    async with platform() as there:
        pipeline = await pipeline_of(kafka, prefix, polled(there.url, feeds=["rows"]))
        there.add(8, path="/elsewhere")
        await pipeline.append_raw([hook(Row(8, code="waker"))])
        async with pipeline.running() as running:
            await pipeline.settled(running)
        async with Consumer(pipeline.config.kafka) as log:
            _, end = await log.bounds(pipeline.topic("nudges"), 0)
        assert end == 2
        async with pipeline.poller():
            await nudges_read(pipeline, end)
        await delete_records(kafka.bootstrap_servers, pipeline.topic("nudges"), 0, before=end)
        await nudge(pipeline, "8")
        async with pipeline.poller() as working:
            await nudges_read(pipeline, end + 1)
            assert working.total("nudge_gaps_total") == 0
        assert await gaps(pipeline) == {}


async def test_a_topic_that_was_made_anew_is_read_from_its_begin(
    kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a poller runs or not: positions in the old topic mean nothing in the new one, however long that is."""
    monkeypatch.setattr(nudge_inbox, "CHECK_SECONDS", 0.5)
    async with platform() as there:
        pipeline = await pipeline_of(kafka, prefix, polled(there.url, feeds=["rows"]))
        there.add(*range(70, 90), path="/elsewhere")
        await nudge(pipeline, "70", "71", "72")
        async with pipeline.poller():
            await nudges_read(pipeline, 3)
        await make_anew(kafka, pipeline)
        await nudge(pipeline, "75", "76", "77", "78")
        async with pipeline.poller() as working:
            await pipeline.brought([75, 76, 77, 78])
            assert working.total("nudge_gaps_total") == 1
            assert await gaps(pipeline) == {(0, 3): None}
            await nudges_read(pipeline, 4)
            await make_anew(kafka, pipeline)
            await nudge(pipeline, "81")
            await pipeline.brought([81])
            assert working.total("nudge_gaps_total") == 2


async def test_what_was_nudged_is_nudged_again_by_a_redrive(kafka: Broker, prefix: str) -> None:
    """Where nudges are gone, raw still has what they named: sent again, it wakes its feed, and what is known is not."""
    async with platform() as there:
        pipeline = await pipeline_of(kafka, prefix, polled(there.url, feeds=["rows"]))
        there.add(7, 8, path="/elsewhere")
        began = datetime.now(UTC) - timedelta(minutes=1)
        await pipeline.append_raw([hook(Row(7, code="waker"))])
        async with pipeline.running() as running, pipeline.poller():
            await pipeline.comes(lambda: published(pipeline, 1), "the first is published")
            await pipeline.settled(running)
            await nudges_read(pipeline, 1)
        await pipeline.append_raw([hook(Row(8, code="waker"))])
        async with pipeline.running() as running:
            await pipeline.settled(running)
        await make_anew(kafka, pipeline)
        assert await send_nudged(pipeline.config, AppendedBetween(began, None), lambda _: True) == (2, 0)
        async with pipeline.running() as running, pipeline.poller():
            await pipeline.comes(lambda: published(pipeline, 2), "both are published")
            await pipeline.settled(running)
        assert (await pipeline.totals())["published"] == 2


async def published(pipeline: PolledPipeline, count: int) -> bool:
    """Return whether so many events are published."""
    return len(await pipeline.records("events")) >= count


async def make_anew(kafka: Broker, pipeline: PolledPipeline) -> None:
    """Delete the topic, and create it again."""
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("nudges"))

    async def created() -> bool:
        return any(new for _, new in await topics.apply(pipeline.config, "dev", 1))

    await pipeline.comes(created, "the topic is there again")
