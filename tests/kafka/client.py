"""The few calls that tests make to Kafka beside those of the program."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import ConsumerRecord

_PATIENCE = 30.0  # seconds


async def create_topic(
    bootstrap_servers: str, topic: str, *, partitions: int = 1, replicas: int = 1, **configs: str
) -> None:
    """Create a topic, with configs as `retention_ms="1000"`, and wait until it shows.

    Raises RuntimeError with Kafka's word if it refuses.
    """
    wanted = NewTopic(topic, partitions, replicas, topic_configs=_settings(configs))
    async with _admin(bootstrap_servers) as admin, asyncio.timeout(_PATIENCE):
        answer = await admin.create_topics([wanted])
        for name, code, *message in answer.topic_errors:  # aiokafka raises nothing for a refused topic
            if code != 0:
                raise RuntimeError(f"Kafka refuses to create {name}: error {code} {message}")
        while len((await admin.describe_topics([topic]))[0]["partitions"]) < partitions:  # noqa: ASYNC110  (polled)
            await asyncio.sleep(0.05)


async def add_partitions(bootstrap_servers: str, topic: str, count: int) -> None:
    """Raise the partitions of a topic to `count`, and wait until that shows."""
    async with _admin(bootstrap_servers) as admin, asyncio.timeout(_PATIENCE):
        await admin.create_partitions({topic: NewPartitions(count)})
        while len((await admin.describe_topics([topic]))[0]["partitions"]) < count:  # noqa: ASYNC110  (polled)
            await asyncio.sleep(0.05)


async def delete_topic(bootstrap_servers: str, topic: str) -> None:
    """Delete a topic; raise RuntimeError if Kafka refuses."""
    async with _admin(bootstrap_servers) as admin:
        answer = await admin.delete_topics([topic])
    for name, code in answer.topic_error_codes:
        if code != 0:
            raise RuntimeError(f"Kafka refuses to delete {name}: error {code}")


async def change_topic(bootstrap_servers: str, topic: str, **configs: str) -> None:
    """Return a topic these configs, and the defaults for all others; raise RuntimeError if Kafka refuses."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, _settings(configs))
    async with _admin(bootstrap_servers) as admin:
        (answer,) = await admin.alter_configs([resource])
    for code, message, *_ in answer.resources:
        if code != 0:
            raise RuntimeError(f"Kafka refuses to change {topic}: error {code} {message}")


async def delete_records(bootstrap_servers: str, topic: str, partition: int, before: int) -> None:
    """Delete the records of a partition before an offset, as retention does; raise KafkaError if Kafka refuses."""
    async with _admin(bootstrap_servers) as admin:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})


async def read_all(
    bootstrap_servers: str, topic: str, *, isolation: str = "read_committed", deadline: float = _PATIENCE
) -> list[ConsumerRecord]:
    """Return the records of a topic, in the order of offsets within each partition.

    It reads to the very ends as they are at the call. Under `read_committed` it waits for what is open in front of
    them: a commit is acknowledged a moment before its records are readable. Raise TimeoutError if that takes more
    than `deadline` seconds.
    """
    async with asyncio.timeout(deadline):
        async with _reader(bootstrap_servers, topic, "read_uncommitted") as reader:
            ends = await reader.end_offsets(list(reader.assignment()))
        async with _reader(bootstrap_servers, topic, isolation) as reader:
            return await _read_to(ends, reader)


async def _read_to(ends: Mapping[TopicPartition, int], reader: AIOKafkaConsumer) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []
    for partition in sorted(ends):
        reader.pause(*(other for other in ends if other != partition))
        reader.resume(partition)
        # the position, not the last record: the marker that ends a transaction takes an offset too
        while await reader.position(partition) < ends[partition]:
            batches = await reader.getmany(partition, timeout_ms=100)
            records += batches.get(partition, [])
    return [record for record in records if record.offset < ends[TopicPartition(record.topic, record.partition)]]


@asynccontextmanager
async def _reader(bootstrap_servers: str, topic: str, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, isolation_level=isolation, auto_offset_reset="earliest"
    )
    try:
        await reader.start()
        yield reader
    finally:
        await asyncio.wait_for(reader.stop(), _PATIENCE)


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    async with asyncio.timeout(_PATIENCE):
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


def _settings(configs: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "."): value for name, value in configs.items()}
