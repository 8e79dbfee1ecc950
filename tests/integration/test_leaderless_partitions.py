"""A partition without a leader stops whoever writes to it, and nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.kafka import topics
from headrace.kafka.appender import Appender
from headrace.kafka.partition_owner import TaskState
from headrace.poller.shared_reader import SharedReader
from tests.fake_provider import Row, account
from tests.integration.pipeline import Pipeline, Running, until
from tests.integration.test_take_over import BRISK
from tests.kafka.client import create_topic, delete_topic
from tests.kafka.cluster import NUMBERS, Cluster

PARTITIONS = 3
LONE = "seen", "dead-letters"
"""Topics of one copy, of which each task writes to one partition."""

pytestmark = [pytest.mark.slow, pytest.mark.network]


async def test_promise_8_a_task_is_taken_over_while_partitions_of_others_have_no_leader(
    cluster: Cluster, prefix: str
) -> None:
    """What was remembered on a broker that is away keeps its own tasks waiting, until it comes back."""
    async with _partly_lone(cluster, prefix) as pipeline:
        await pipeline.append(Row(number, 1) for number in range(60))
        away = cluster.leaders(pipeline.topic("seen"), viewer=1)[0]
        lone = {n for name in LONE for n, led in cluster.leaders(pipeline.topic(name), viewer=1).items() if led == away}
        ends = await pipeline.raw_ends()
        cluster.kill(away)
        async with pipeline.running(pace=BRISK) as running:
            await until(lambda: _decided(running, ends) == set(ends) - lone, "the other tasks have decided all")
            assert running.normalizer.tasks[0].state is not TaskState.RUNNING
            cluster.start(away)
            await pipeline.settled(running)
        assert (await pipeline.holds_its_promises())["published"] == 60


class Taken:
    """Takes the partitions of records, as they come."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.positions: dict[int, int] = {}

    async def take(self, found: int, partition: int, offset: int) -> None:
        self.partitions.add(found)
        self.positions[partition] = offset + 1

    def passed(self, partition: int, position: int) -> None:
        self.positions[partition] = position


async def test_promise_8_what_pollers_follow_is_read_in_the_partitions_that_have_a_leader(
    cluster: Cluster, prefix: str
) -> None:
    """The others are looked for again and again; until they are there it shows that not all was read."""
    kafka, topic = KafkaSettings(bootstrap_servers=cluster.bootstrap_servers), f"{prefix}lone"
    await create_topic(cluster.bootstrap_servers, topic, partitions=PARTITIONS)
    async with Appender(kafka) as appender:
        for partition in range(PARTITIONS):
            await appender.append(topic, partition, ProducerRecord(b"", b"one", []))
    leaders = cluster.leaders(topic, viewer=1)
    away = next(leader for leader in leaders.values() if leader != 1)
    lone = {partition for partition, leader in leaders.items() if leader == away}
    taken, reader = Taken(), SharedReader(kafka, topic, lambda record: int(record.partition))
    reader.add(taken)
    cluster.kill(away)
    reading = asyncio.create_task(reader.run())
    try:
        await until(lambda: taken.partitions == set(range(PARTITIONS)) - lone, "the others are read", deadline=90)
        await until(lambda: reader.unread_seconds > 5, "it shows")
        cluster.start(away)
        await until(lambda: taken.partitions == set(range(PARTITIONS)), "all are read", deadline=120)
        await until(lambda: reader.unread_seconds < 2, "it shows")
        cluster.kill(away)
        await until(lambda: reader.unread_seconds > 5, "it shows that one lost its leader meanwhile", deadline=90)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        if not cluster.nodes[away].is_spawned:
            cluster.start(away)
        await until(lambda: set(cluster.leaders(topic, 1).values()) <= set(NUMBERS), "all are led", deadline=90)
        await delete_topic(cluster.bootstrap_servers, topic)


def _decided(running: Running, ends: dict[int, int]) -> set[int]:
    """Return the partitions of which all is decided. Raises what ended the normalizer."""
    if running.ended.done():
        running.ended.result()
    return {number for number, task in running.normalizer.tasks.items() if task.seen.next_offset == ends[number]}


@contextlib.asynccontextmanager
async def _partly_lone(cluster: Cluster, prefix: str) -> AsyncIterator[Pipeline]:
    """Create the topics; some have one copy, hence no leader where its broker is away."""
    servers = cluster.bootstrap_servers
    kafka = KafkaSettings(bootstrap_servers=servers)
    pipeline = Pipeline(Config(topic_prefix=prefix, kafka=kafka, tenants=Tenants([account()])), PARTITIONS)
    for name in LONE:
        await create_topic(servers, pipeline.topic(name), partitions=PARTITIONS)
    try:
        await topics.apply(pipeline.config, "", PARTITIONS)
        pipeline.topics = await topics.describe(pipeline.config)
        yield pipeline
    finally:
        for number in NUMBERS:
            if not cluster.nodes[number].is_spawned:
                cluster.start(number)
        await until(lambda: _led(cluster, pipeline), "all partitions have leaders", every=0.5)
        for name in LONE:  # no cluster is whole with them
            await delete_topic(servers, pipeline.topic(name))


async def _led(cluster: Cluster, pipeline: Pipeline) -> bool:
    views = await asyncio.to_thread(
        lambda: [cluster.leaders(pipeline.topic(name), viewer) for name in LONE for viewer in NUMBERS]
    )
    return all(leader in NUMBERS for view in views for leader in view.values())
