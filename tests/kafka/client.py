"""The few calls that tests make to Kafka beside those of the program."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord

_PATIENCE = 30.0  # seconds


async def create_topic(bootstrap_servers: str, topic: str, *, partitions: int = 1, **configs: str) -> None:
    """Create a topic, with configs as `retention_ms="1000"`; raise RuntimeError with Kafka's word if it refuses."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await asyncio.wait_for(admin.start(), _PATIENCE)
    try:
        settings = {name.replace("_", "."): value for name, value in configs.items()}
        wanted = NewTopic(topic, partitions, 1, topic_configs=settings)
        answer = await asyncio.wait_for(admin.create_topics([wanted]), _PATIENCE)
    finally:
        await asyncio.wait_for(admin.close(), _PATIENCE)
    for name, code, *message in answer.topic_errors:  # aiokafka raises nothing for a refused topic
        if code != 0:
            raise RuntimeError(f"Kafka refuses to create {name}: error {code} {message}")


async def read_all(
    bootstrap_servers: str, topic: str, *, isolation: str = "read_committed", deadline: float = _PATIENCE
) -> list[ConsumerRecord]:
    """Return the records of a topic, in the order of offsets within each partition.

    It reads to the ends as they are at the call: under `read_committed` that is in front of the first open
    transaction. Raise TimeoutError if it does not get there within `deadline` seconds.
    """
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, isolation_level=isolation, auto_offset_reset="earliest"
    )
    try:
        async with asyncio.timeout(deadline):
            await consumer.start()
            return await _read_to_the_ends(consumer)
    finally:
        await asyncio.wait_for(consumer.stop(), _PATIENCE)


async def _read_to_the_ends(consumer: AIOKafkaConsumer) -> list[ConsumerRecord]:
    ends = await consumer.end_offsets(list(consumer.assignment()))
    records: list[ConsumerRecord] = []
    for partition in sorted(ends):
        others = [other for other in ends if other != partition]
        consumer.pause(*others)
        consumer.resume(partition)
        # the position, not the last record: the marker that ends a transaction takes an offset too
        while await consumer.position(partition) < ends[partition]:
            batches = await consumer.getmany(partition, timeout_ms=100)
            records += batches.get(partition, [])
    return [record for record in records if record.offset < ends[TopicPartition(record.topic, record.partition)]]
