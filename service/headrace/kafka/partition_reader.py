"""Read the memory of a partition: from where we stand to our own barrier, wherever its leader is."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Final

from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from headrace.config import KafkaSettings
from headrace.kafka.barrier import Barrier, StaleEnds
from headrace.kafka.batch_consumer import BatchConsumer, LogRecord
from headrace.kafka.consumer import Consumer
from headrace.kafka.partition_owner import CannotRun

STILL_SECONDS: Final = 3.0
"""Seconds without a record after which the consumer is opened anew: it may sit at a leader that is cut off."""


class WrongLog(KafkaError):  # type: ignore[misc]  # noqa: N818  (the client ships no types; what happened)
    """A log does not hold what it must hold."""


async def read_to_barrier(
    kafka: KafkaSettings, barrier: Barrier, at: int, stale: StaleEnds, stalled_after: float
) -> AsyncGenerator[tuple[list[LogRecord], int]]:
    """Yield what a partition holds from `at` to a barrier, group by group, each with the position behind it.

    A group is empty where nothing came for a moment. It goes on for as long as the broker that is asked does not know
    the barrier. Raises `WrongLog` where something else stands there, and `CannotRun` where a transaction of others is
    open before it for more than `stalled_after` seconds.
    """
    topic, partition, end = barrier.topic, barrier.partition, barrier.offset + 1
    if at > end:
        stale.found(topic, end=end, known=at)
        raise WrongLog(f"{topic}-{partition} took a barrier at {barrier.offset}, but was read to {at} before")
    moved_at, still = time.monotonic(), min(STILL_SECONDS, stalled_after)
    while at < end:
        async with BatchConsumer(kafka) as log:
            at = max(at, (await log.bounds(topic, partition))[0])
            log.seek(topic, partition, at)
            opened_at = time.monotonic()
            while at < end and time.monotonic() - max(moved_at, opened_at) < still:
                try:
                    records, position = await log.next_batches(topic, partition)
                except OffsetOutOfRangeError:  # it ends before where we stand, or retention took what stood there
                    await asyncio.sleep(still)
                    break
                yield _up_to(barrier, records, position), min(position, end)
                if position > at:
                    at, moved_at = position, time.monotonic()
        if at < end and await _is_open(kafka, barrier, at, stale) and time.monotonic() - moved_at > stalled_after:
            raise CannotRun(
                f"{topic}-{partition} cannot be read to its end ({at} of {end}): somebody holds an open "
                f"transaction on it; find it with `kafka-transactions.sh find-hanging`, abort it, start again"
            )
    stale.over(topic)


def _up_to(barrier: Barrier, records: list[LogRecord], position: int) -> list[LogRecord]:
    """Return the records up to the barrier. Raises `WrongLog` where they go past it without holding it."""
    if position <= barrier.offset:
        return records
    wanted = [record for record in records if record.offset <= barrier.offset]
    if not wanted or (wanted[-1].offset, wanted[-1].value) != (barrier.offset, barrier.value):
        raise WrongLog(f"{barrier.topic}-{barrier.partition} does not hold our barrier at {barrier.offset}")
    return wanted


async def _is_open(kafka: KafkaSettings, barrier: Barrier, at: int, stale: StaleEnds) -> bool:
    """Return whether the leader knows the barrier: then a transaction is open before it. Else take note of that."""
    async with Consumer(kafka, committed=False) as log:
        _, end = await log.bounds(barrier.topic, barrier.partition)
    if end <= barrier.offset:
        stale.found(barrier.topic, end=end, known=max(at, barrier.offset + 1))
    return end > barrier.offset
