"""What cannot be right is refused with one sentence or counted: nothing is guessed about positions and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.kafka import topics
from headrace.kafka.appender import Appender
from headrace.kafka.barrier import Barrier, StaleEnds
from headrace.kafka.consumer import Consumer
from headrace.kafka.partition_owner import CannotRun, Pace
from headrace.kafka.partition_reader import WrongLog
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.restore import restore
from headrace.observe.registry import Registry
from headrace.observe.tasks import TaskMetrics
from headrace.records.mark import Mark
from headrace.records.newer_format import NewerFormat
from headrace.records.raw import HEADER, from_raw_record, headers_of, to_raw_record
from headrace.records.seen import FORMAT, TOTALS, decode_record, encode_barrier, encode_record
from tests.fake_provider import FAKE, Row, raw_event
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.integration.test_take_over import BRISK
from tests.kafka.broker import Broker
from tests.kafka.client import change_topic, create_topic, delete_records, delete_topic, read_all

pytestmark = pytest.mark.apache_kafka

EMPTY = encode_record(0, (0,) * len(TOTALS), {})


def rows(first: int, count: int) -> list[Row]:
    return [Row(number, 1, f"text of {number}") for number in range(first, first + count)]


async def published(pipeline: Pipeline, count: int) -> None:
    """Publish so many things, in order."""
    await pipeline.append(rows(0, count))
    async with pipeline.running() as running:
        await pipeline.settled(running)


@asynccontextmanager
async def stranger_on_seen(pipeline: Pipeline) -> AsyncIterator[AIOKafkaProducer]:
    """Hold a transaction open on seen-0, as a producer that knows nothing of Headrace."""
    stranger = AIOKafkaProducer(
        bootstrap_servers=pipeline.config.kafka.bootstrap_servers,
        transactional_id=f"{pipeline.config.topic_prefix}stranger",
        transaction_timeout_ms=300_000,
    )
    async with asyncio.timeout(DEADLINE):
        await stranger.start()
        await stranger.begin_transaction()
        await stranger.send_and_wait(pipeline.topic("seen"), EMPTY, partition=0)
    try:
        yield stranger
    finally:
        await asyncio.wait_for(stranger.stop(), DEADLINE)


async def test_promise_3_an_open_foreign_transaction_on_seen_is_waited_for(kafka: Broker, prefix: str) -> None:
    """What lies behind a stranger's open transaction is restored once that has ended, so that nothing is doubled."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 20)
    async with stranger_on_seen(pipeline) as stranger, pipeline.running() as cold:
        await pipeline.append(rows(0, 60))
        await until(lambda: cold.position == 20, "what lies before the stranger's transaction is restored")
        assert cold.states == ["restoring"]
        await asyncio.wait_for(stranger.abort_transaction(), DEADLINE)
        await pipeline.settled(cold)
    assert await pipeline.holds_its_promises() == {"published": 60, "duplicate": 20}


async def test_promise_3_a_seen_record_that_does_not_stand_right_behind_what_was_read_is_aborted(
    kafka: Broker, prefix: str
) -> None:
    """Where somebody else wrote to seen, a task does not trust what it remembers: it restores, and then goes on."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await pipeline.append(rows(0, 20))
    async with pipeline.running(pace=BRISK) as running:
        await pipeline.settled(running)
        async with stranger_on_seen(pipeline) as stranger:
            await pipeline.append(rows(20, 40))
            await until(lambda: running.rebuilt["Displaced"] > 0, "the commit is aborted")
            await until(lambda: running.states == ["restoring"], "it restores, up to the stranger's transaction")
            assert running.position == 20
            await asyncio.wait_for(stranger.abort_transaction(), DEADLINE)
            await pipeline.settled(running)
    assert await pipeline.holds_its_promises() == {"published": 60}


async def test_promise_3_an_open_foreign_transaction_on_seen_ends_in_a_sentence(kafka: Broker, prefix: str) -> None:
    """A restore that does not get to the end of seen is given up, and the message says where to look."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 20)
    async with stranger_on_seen(pipeline), pipeline.running(pace=Pace(restore=0.5)) as running:
        assert "somebody holds an open transaction on it" in await running.refuses(CannotRun)


async def test_promise_2_a_restore_waits_for_a_leader_that_knows_its_barrier(kafka: Broker, prefix: str) -> None:
    """What a broker tells as the end is no end before our own barrier was read there; the wait is counted."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 20)
    settings, topic = pipeline.config.kafka, pipeline.topic("seen")
    async with Consumer(settings) as log:
        _, end = await log.bounds(topic, 0)
    barrier, seen, metrics = Barrier(topic, 0, end, encode_barrier(b"ours")), Seen(), TaskMetrics(Registry("1"), "test")
    stale = metrics.registry.series("headrace_stale_ends_total").values
    restoring = asyncio.create_task(
        restore(settings, barrier, seen, stale=StaleEnds(0, metrics), stalled_after=0.3), name="restore"
    )
    await until(lambda: stale.get(("test", "0"), 0) >= 2, "the broker was asked again, and does not know the barrier")
    assert not restoring.done()
    async with Appender(settings) as appender:
        assert await appender.append(topic, 0, ProducerRecord(b"", barrier.value, [])) == end
    await asyncio.wait_for(restoring, DEADLINE)
    assert (seen.next_offset, seen.read_to) == (20, end + 1)


async def test_promise_1_a_commit_that_does_not_stand_in_the_log_is_forgotten(kafka: Broker, prefix: str) -> None:
    """An acknowledged commit that was aborted later is no memory: what it decided on is decided on again."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 20)
    settings, topic, seen = pipeline.config.kafka, pipeline.topic("seen"), Seen()
    stale = StaleEnds(0, TaskMetrics(Registry("1"), "t"))
    for _ in range(2):
        async with Appender(settings) as appender:
            offset = await appender.append(topic, 0, ProducerRecord(b"", encode_barrier(b"ours"), []))
        await restore(
            settings, Barrier(topic, 0, offset, encode_barrier(b"ours")), seen, stale=stale, stalled_after=1.0
        )
        assert (seen.next_offset, len(seen.marks)) == (20, 20)
        seen.apply(
            [
                decode_record(
                    encode_record(30, (30,) + (0,) * 9, {b"m" * 16: Mark(version=1, shape=1, meanings=(2,), at=3)})
                )
            ],
            offset + 2,
        )
        seen.last = offset


async def test_promise_2_a_log_that_holds_something_else_than_our_barrier_is_not_trusted(
    kafka: Broker, prefix: str
) -> None:
    """A record of others at the offset of the barrier, and an end before what was read, both mean another log."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 20)
    settings, topic, stale = (
        pipeline.config.kafka,
        pipeline.topic("seen"),
        StaleEnds(0, TaskMetrics(Registry("1"), "t")),
    )
    async with Consumer(settings) as log:
        _, end = await log.bounds(topic, 0)
    async with Appender(settings) as appender:
        await appender.append(topic, 0, ProducerRecord(b"", encode_barrier(b"theirs"), []))
    with pytest.raises(WrongLog, match="does not hold our barrier"):
        await restore(settings, Barrier(topic, 0, end, b"ours"), Seen(), stale=stale, stalled_after=1.0)
    ahead = Seen()
    ahead.apply([], end + 5)
    with pytest.raises(WrongLog, match="was read to"):
        await restore(settings, Barrier(topic, 0, end, b"ours"), ahead, stale=stale, stalled_after=1.0)


async def test_a_partition_of_seen_that_holds_only_barriers_is_empty(kafka: Broker, prefix: str) -> None:
    """A take-over that found no memory leaves a barrier: neither `apply` nor the next one takes that for memory."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    for used in (False, True):
        await delete_topic(kafka.bootstrap_servers, pipeline.topic("seen"))
        await create_topic(kafka.bootstrap_servers, pipeline.topic("seen"))
        for _ in range(2):
            async with pipeline.running() as running:
                assert "run `headrace topics apply`" in await running.refuses(CannotRun)
        if used:
            with pytest.raises(topics.UnfitTopics, match="what was published is forgotten"):
                await topics.apply(pipeline.config, "dev", 1)
        else:
            await topics.apply(pipeline.config, "dev", 1)
            await published(pipeline, 20)
            assert await pipeline.totals() == {"published": 20}


async def test_promise_2_raw_that_seems_to_end_too_early_is_waited_for(kafka: Broker, prefix: str) -> None:
    """A position behind the end of raw: a broker may tell a stale end. Only `topics apply` says that raw is another."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 20)
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("raw"))
    await create_topic(kafka.bootstrap_servers, pipeline.topic("raw"), max_message_bytes="2097152")
    await pipeline.append(rows(100, 5))
    async with pipeline.running() as running:
        stale = running.normalizer.metrics.registry.series("headrace_stale_ends_total").values
        await until(lambda: stale.get(("normalizer", "0"), 0) >= 2, "the brokers are asked again")
        assert running.states == ["restoring"]
        with pytest.raises(topics.UnfitTopics, match="ends at 5, but 20 was published already"):
            await topics.apply(pipeline.config, "dev", 1)
        await pipeline.append(rows(105, 20))
        await pipeline.settled(running)


async def test_raw_is_never_created_again_in_silence(kafka: Broker, prefix: str) -> None:
    """A new raw would be passed over up to the old position: `apply` creates it only together with seen."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=2)
    await published(pipeline, 20)
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("raw"))
    for _ in range(2):
        with pytest.raises(topics.UnfitTopics, match=r"raw is missing, but .*seen-\d knows a position in it"):
            await topics.apply(pipeline.config, "dev")
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("seen"))
    await topics.apply(pipeline.config, "dev", 2)
    await published(pipeline, 20)
    assert await pipeline.totals() == {"published": 20}


async def test_seen_is_never_created_again_in_silence(kafka: Broker, prefix: str) -> None:
    """Without seen what raw holds would all be published again: neither `apply` nor the normalizer begins so."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=2)
    await published(pipeline, 20)
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("seen"))
    lost = f"topics are missing: {pipeline.topic('seen')}; {pipeline.topic('seen')} was lost, .*RUNBOOK"
    with pytest.raises(topics.UnfitTopics, match=lost):
        await topics.verify(pipeline.config)
    for _ in range(2):
        with pytest.raises(topics.UnfitTopics, match="what was published is forgotten"):
            await topics.apply(pipeline.config, "dev")
    async with pipeline.running() as running:
        assert "run `headrace topics apply`" in await running.refuses(CannotRun)


async def test_seen_without_a_record_left_is_refused(kafka: Broker, prefix: str) -> None:
    """Retention that took every record of seen took the memory with it."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 20)
    await delete_records(kafka.bootstrap_servers, pipeline.topic("seen"), 0, -1)
    async with pipeline.running() as running:
        assert "holds no record of what was published" in await running.refuses(CannotRun)


async def test_raw_and_seen_with_other_partition_counts_are_refused(kafka: Broker, prefix: str) -> None:
    """The memory of a partition is only that partition's."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await delete_topic(kafka.bootstrap_servers, pipeline.topic("raw"))
    await create_topic(kafka.bootstrap_servers, pipeline.topic("raw"), partitions=2, max_message_bytes="2097152")
    with pytest.raises(topics.UnfitTopics, match=r"has 2 partitions and .*seen has 1: they belong together"):
        await topics.verify(pipeline.config)


async def test_topics_that_cannot_keep_the_promises_are_refused_all_at_once(kafka: Broker, prefix: str) -> None:
    """A seen that forgets too early, a raw and an events topic that take too little stand in one sentence."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await change_topic(
        kafka.bootstrap_servers, pipeline.topic("raw"), max_message_bytes="1050000", retention_ms="86400000"
    )
    await change_topic(kafka.bootstrap_servers, pipeline.topic("seen"), retention_ms="86400000")
    await change_topic(kafka.bootstrap_servers, pipeline.topic("events"), max_message_bytes="1000")
    with pytest.raises(topics.UnfitTopics) as refused:
        await topics.verify(pipeline.config)
    assert "set its retention.ms to at least" in str(refused.value)
    assert "lower [receiver] max_body" in str(refused.value)
    assert "max.message.bytes must grow" in str(refused.value)


async def test_topics_are_made_however_often_it_was_tried_before(kafka: Broker, prefix: str) -> None:
    """Whatever an attempt left undone the next one does: raw comes last, when seen has its first records."""
    config = Config(
        topic_prefix=prefix, kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers), tenants=Tenants([])
    )
    await topics.apply(config, "dev", 2)
    await delete_topic(kafka.bootstrap_servers, f"{prefix}raw")
    await delete_topic(kafka.bootstrap_servers, f"{prefix}seen")
    await create_topic(kafka.bootstrap_servers, f"{prefix}seen", partitions=2, retention_ms=str(40 * 86_400_000))
    done = {topic.name: new for topic, new in await topics.apply(config, "dev", 3)}
    assert [name for name, new in done.items() if new] == [f"{prefix}raw"]
    described = await topics.describe(config)
    assert described[f"{prefix}raw"].partitions == 2
    assert [new for _, new in await topics.apply(config, "dev", 3)] == [False] * len(topics.ALL)
    assert len(await read_all(kafka.bootstrap_servers, f"{prefix}seen")) == 2


async def test_records_that_retention_took_are_counted_as_lost(kafka: Broker, prefix: str) -> None:
    """What was deleted from raw before it was read is counted, and the partition goes on behind it."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    await published(pipeline, 10)
    await pipeline.append(rows(10, 20))
    await delete_records(kafka.bootstrap_servers, pipeline.topic("raw"), 0, 25)
    async with pipeline.running() as running:
        await pipeline.settled(running)
        assert await pipeline.totals() == {"published": 15, "lost": 15}
        await pipeline.append(rows(30, 5))
        await pipeline.settled(running)
    assert await pipeline.totals() == {"published": 20, "lost": 15}
    assert len(set(await pipeline.published())) == 20


async def test_records_that_retention_takes_from_under_a_running_task_are_counted_as_lost(
    kafka: Broker, prefix: str
) -> None:
    """A task that waited too long at a record finds it gone, counts it and what lay behind it, and goes on."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    replayed = to_raw_record(FAKE, raw_event(Row(1, 1)))
    waiting = msgspec.structs.replace(from_raw_record(replayed.headers, replayed.value), replay="nobodys")
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(pipeline.topic("raw"), 0, msgspec.structs.replace(replayed, headers=headers_of(waiting)))
    await pipeline.append(rows(10, 5))
    async with pipeline.running(pace=Pace(heartbeat=0.1)) as running:
        await running.runs(tasks=1)
        assert running.position == 0
        await delete_records(kafka.bootstrap_servers, pipeline.topic("raw"), 0, 3)
        await pipeline.settled(running)
    assert await pipeline.totals() == {"published": 3, "lost": 3}


async def test_a_newer_format_on_seen_is_refused(kafka: Broker, prefix: str) -> None:
    """What a newer Headrace remembered is not skipped."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(pipeline.topic("seen"), 0, ProducerRecord(b"", bytes([FORMAT + 1]) + EMPTY[1:], []))
    async with pipeline.running() as running:
        assert f"has format {FORMAT + 1}" in await running.refuses(NewerFormat)


async def test_a_newer_format_on_raw_is_refused(kafka: Broker, prefix: str) -> None:
    """What a newer Headrace took in is neither skipped nor made a dead letter."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    out = to_raw_record(FAKE, raw_event(Row(1, 1)))
    newer = msgspec.structs.replace(out, headers=[(HEADER, b"\x02{}")])
    async with Appender(pipeline.config.kafka) as appender:
        await appender.append(pipeline.topic("raw"), 0, newer)
    async with pipeline.running() as running:
        assert "upgrade it" in await running.refuses(NewerFormat)
    assert await pipeline.totals() == {}
