"""Writes what is to be remembered: all that waits goes into one transaction, and only then does memory change."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from headrace.kafka.admin import Topic
from headrace.kafka.producer import Transactions
from headrace.poller.metrics import PollerMetrics
from headrace.poller.state import PartitionState, WrittenRecord
from headrace.records.cursors import CursorEntry, encode

MOST_ENTRIES: Final = 5_000
"""Entries that make a transaction full: those of one `store` stay together whatever their number."""


class TooLarge(Exception):  # noqa: N818  (what happened, not whose error)
    """An entry is larger than the topic takes: the text names the key."""


class StateWriter:
    """The writer of one partition of `cursors`, for one life of its fenced producer."""

    def __init__(
        self, producer: Transactions, topic: Topic, partition: int, state: PartitionState, metrics: PollerMetrics
    ) -> None:
        self._producer: Final = producer
        self._topic: Final = topic.name
        self._partition: Final = partition
        self._limit: Final = int(topic.config["max.message.bytes"])
        self._state: Final = state
        self._metrics: Final = metrics
        self._waiting: Final[asyncio.Queue[tuple[Sequence[CursorEntry], asyncio.Future[None]]]] = asyncio.Queue()

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Return when the entries are durable and remembered, all or none of them. Raises `TooLarge`."""
        for one in entries:  # Kafka would refuse the transaction of all who wait, again and again
            if (size := encode(one).size) > self._limit:
                raise TooLarge(f"{one.kind} {' '.join(one.names)} of {one.source} takes {size} bytes")
        if entries:
            stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            await self._waiting.put((entries, stored))
            await stored

    async def run(self) -> None:
        """Write until the producer is doubtful. Raises `WriteFailed`: then it is unknown what is durable."""
        while not self._producer.doubtful:
            first = await self._waiting.get()
            group, count = [first], len(first[0])
            while count < MOST_ENTRIES and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
                count += len(group[-1][0])
            await self.write([one for entries, _ in group for one in entries])
            for _, stored in group:
                if not stored.done():
                    stored.set_result(None)

    async def write(self, entries: Sequence[CursorEntry]) -> None:
        """Write entries in one transaction. Raises `WriteFailed`."""
        if not entries:
            return
        began, at, records = time.monotonic(), (self._topic, self._partition), [encode(one) for one in entries]
        offsets = await self._producer.write({at: records})
        self._state.apply(entries)
        self._state.last = WrittenRecord(offsets[at], records[-1].key, records[-1].value)
        self._state.written += len(entries)
        self._metrics.count_commit(self._partition, time.monotonic() - began)
