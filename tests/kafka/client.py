"""The few calls that tests make to Kafka beside those of the program."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord

_PATIENCE = 30.0    # seconds


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
    for name, code, *message in answer.topic_errors:    # aiokafka raises nothing for a refused topic
        if code != 0:
            raise RuntimeError(f"Kafka refuses to create {name}: error {code} {message}")


async def read_all(
    bootstrap_servers: str, topic: str, *, isolation: str = "read_committed", deadline: float = _PATIENCE
) -> list[ConsumerRecord]:
    """Return every record of a topic, in order of partition and offset.

    Raise TimeoutError if the ends, sampled at the start, are not reached: under `read_committed` an open transaction
    holds the reader back.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, isolation_level=isolation, auto_offset_reset="earliest"
    )
    async with asyncio.timeout(deadline):
        await consumer.start()
    try:
        async with asyncio.timeout(deadline):
            return await _read_to_the_end(consumer, topic)
    finally:
        await asyncio.wait_for(consumer.stop(), _PATIENCE)


async def _read_to_the_end(consumer: AIOKafkaConsumer, topic: str) -> list[ConsumerRecord]:
    await consumer._client.force_metadata_update()
    partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
    if not partitions:
        raise RuntimeError(f"there is no topic {topic}")
    return []
