"""Read one record by its place."""

import contextlib

from headrace.config import Config
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.records_at import records_at


async def one_record(
    config: Config, topic: str, partition: int, offset: int, *, committed: bool = True
) -> Record | None:
    """Return the record at a place, None where there is none. Raises `KafkaError`, `TimeoutError`."""
    async with Consumer(config.kafka, committed=committed) as log:
        if partition >= await log.partitions_of(topic):
            return None
        async with contextlib.aclosing(records_at(log, topic, partition, [offset])) as records:
            async for _, record in records:
                return record
    return None
