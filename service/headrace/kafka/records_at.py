"""Read records by their offsets, many of them through one consumer."""

import time
from collections import deque
from collections.abc import AsyncGenerator, Collection
from typing import Final

from headrace.kafka.client import CALL_DEADLINE
from headrace.kafka.consumer import Consumer, Record

NEAR: Final = 500
"""Records in between that are read rather than passed over: to begin at another offset costs a fetch."""


async def records_at(
    log: Consumer, topic: str, partition: int, offsets: Collection[int]
) -> AsyncGenerator[tuple[int, Record | None]]:
    """Yield offsets in their order, each with its record, or None where there is none (any more).

    Offsets behind the end that the leader tells are left out: it may be cut off, and not know them. Raises
    `KafkaError`, and `TimeoutError` where nothing comes for `CALL_DEADLINE`.
    """
    first, end = await log.bounds(topic, partition)
    left = deque(offset for offset in sorted(set(offsets)) if offset < end)
    while left and left[0] < first:
        yield left.popleft(), None
    position, moved_at = -NEAR, time.monotonic()
    while left:
        if left[0] >= position + NEAR:
            position, moved_at = left[0], time.monotonic()
            log.seek(topic, partition, position)
        records, reached = await log.next(topic, partition)
        if reached == position and time.monotonic() - moved_at > CALL_DEADLINE:
            raise TimeoutError(f"{topic}-{partition} was not read in time")
        if reached > position:
            position, moved_at = reached, time.monotonic()
        there = {record.offset: record for record in records}
        while left and left[0] < position:
            offset = left.popleft()
            yield offset, there.get(offset)
