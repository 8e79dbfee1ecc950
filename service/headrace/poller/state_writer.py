"""Write what is to be remembered: all that waits goes into one transaction, and only then does memory change."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from headrace.kafka.admin import Topic
from headrace.kafka.producer import Transactions
from headrace.poller.metrics_protocol import TaskMetrics
from headrace.poller.state import PartitionState
from headrace.records.cursors import CursorEntry, encode

MOST: Final = 5_000
"""Entries that make a transaction full: those of one `store` stay together whatever their number."""


class TooLarge(Exception):  # noqa: N818  (what happened, not whose error)
    """What is to be remembered takes more than the topic does: the text names the key."""


class StateWriter:
    """The writer of one partition of `cursors`, for one life of its fenced producer."""

    def __init__(
        self, producer: Transactions, topic: Topic, partition: int, memory: PartitionState, metrics: TaskMetrics
    ) -> None:
        self.written = 0
        self._producer: Final = producer
        self._at: Final = (topic.name, partition)
        self._limit: Final = int(topic.config["max.message.bytes"])
        self._memory: Final = memory
        self._metrics: Final = metrics
        self._waiting: Final[asyncio.Queue[tuple[Sequence[CursorEntry], asyncio.Future[None]]]] = asyncio.Queue()

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Return when the entries are durable and remembered, all or none of them. Raises `TooLarge`."""
        for told in entries:  # Kafka would refuse the transaction of all who wait, again and again
            if (size := encode(told).size) > self._limit:
                raise TooLarge(f"{told.kind} {' '.join(told.names)} of {told.source} takes {size} bytes")
        if entries:
            stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            await self._waiting.put((entries, stored))
            await stored

    async def run(self) -> None:
        """Write until the producer is doubtful. Raises `WriteFailed`: then nobody knows what is durable."""
        while not self._producer.doubtful:
            first = await self._waiting.get()
            group, count = [first], len(first[0])
            while count < MOST and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
                count += len(group[-1][0])
            await self.write([told for entries, _ in group for told in entries])
            for _, stored in group:
                if not stored.done():
                    stored.set_result(None)

    async def write(self, entries: Sequence[CursorEntry]) -> None:
        """Write entries in one transaction. Raises `WriteFailed`."""
        began = time.monotonic()
        await self._producer.write({self._at: [encode(told) for told in entries]})
        self._memory.apply(entries)
        self.written += len(entries)
        self._metrics.committed(self._at[1], len(entries), time.monotonic() - began)
