"""Read one partition to where it ends: how a task restores its memory after the fence."""

import time
from collections.abc import AsyncGenerator

from headrace.config import KafkaSettings
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.partition_owner import CannotRun


async def written_bounds(kafka: KafkaSettings, topic: str, partition: int) -> tuple[int, int]:
    """Return the first offset of a partition and where it ends, open transactions included.

    Sampled after the fence, what is written is below that end.
    """
    async with Consumer(kafka, committed=False) as log:
        return await log.bounds(topic, partition)


async def read_between(
    kafka: KafkaSettings, topic: str, partition: int, *, start: int, end: int, stalled_after: float
) -> AsyncGenerator[tuple[list[Record], int]]:
    """Yield what a partition holds from `start` to `end`, group by group, each with the position behind it.

    Raises `CannotRun` where nothing can be read for `stalled_after` seconds.
    """
    at, moved_at = start, time.monotonic()
    async with Consumer(kafka) as log:
        log.seek(topic, partition, at)
        while at < end:
            records, position = await log.next(topic, partition)
            yield records, position
            if position > at:
                at, moved_at = position, time.monotonic()
            elif time.monotonic() - moved_at > stalled_after:
                raise CannotRun(
                    f"{topic}-{partition} cannot be read to its end ({at} of {end}): somebody holds an open "
                    f"transaction on it; find it with `kafka-transactions.sh find-hanging`, abort it, start again"
                )
