"""Follow one partition through a client of its own, so that what comes is there at once.

One client that reads many partitions has one fetch out at a broker: what comes to a partition that is not in it waits
for its end, and while one partition's records are not taken, the client fetches of no other.
"""

import asyncio
import contextlib
import time
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError

from headrace.config import KafkaSettings
from headrace.kafka.bounded_reader import BoundedReader
from headrace.kafka.call import call
from headrace.kafka.client import CALL_DEADLINE, KafkaError, start_client
from headrace.kafka.cluster_view import watch_leaders
from headrace.kafka.consumer import Record, new_consumer, offsets_of, stop_consumer

__all__ = ["LiveReader", "OutOfRange"]

OutOfRange = OffsetOutOfRangeError

FETCH_WAIT_MS: Final = 500
"""How long a broker may keep a fetch open while nothing comes: it answers as soon as something does."""
LOOK_EVERY: Final = 5.0
"""Seconds without a record after which all brokers are asked who leads: one cut off from the others brings none."""


class LiveReader:
    """Reads `partition` of a topic, committed or not, from `open` to `close`; it can be opened again.

    While the caller works on what it got, nothing is fetched ahead, unless more is known to lie there: a fetch would be
    answered by the first record that comes, and the next batch would hold nothing else.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, partition: int) -> None:
        self._kafka: Final = kafka
        self._at: Final = TopicPartition(topic, partition)
        self._consumer: AIOKafkaConsumer = None
        self._looked_at = time.monotonic()
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start its client, where none is open. Raises `KafkaError`, `TimeoutError`."""
        if self._consumer is not None:
            return
        consumer = new_consumer(self._kafka, isolation_level="read_uncommitted", fetch_max_wait_ms=FETCH_WAIT_MS)
        self._reader = BoundedReader(consumer)
        self._view = watch_leaders(consumer._client)  # noqa: SLF001  (nothing public gives it)
        await start_client(consumer.start(), lambda: stop_consumer(consumer), CALL_DEADLINE)
        consumer.assign([self._at])
        self._consumer = consumer

    async def close(self) -> None:
        """Stop what is open."""
        consumer, self._consumer = self._consumer, None
        if self._looking is not None:
            self._looking.cancel()
        if consumer is not None:
            await stop_consumer(consumer)

    def seek(self, offset: int) -> None:
        """Read on from an offset."""
        self._reader.seek(self._at, offset)

    async def next(self, most: int, wait: float) -> list[Record]:
        """Return up to `most` records, as many as memory is meant for, none where nothing came within `wait` seconds.

        Raises `OutOfRange`, `TimeoutError`, `KafkaError` where the client has stopped to fetch.
        """
        if self._consumer._fetcher._fetch_task.done():  # noqa: SLF001  (nothing public tells it: nothing would come for ever)
            await self.close()
            raise KafkaConnectionError("the client has stopped to fetch")
        self._consumer.resume(self._at)
        records = await call(self._next(most, wait), wait + CALL_DEADLINE)
        if records:
            self._looked_at = time.monotonic()
        elif time.monotonic() - self._looked_at > LOOK_EVERY and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_aside())  # a broker that does not answer holds up no record
        return records

    async def bounds(self) -> tuple[int, int]:
        """Return the first offset and the one behind the last."""
        return await offsets_of(self._consumer, *self._at)

    async def look_around(self) -> None:
        """Ask all brokers who leads the partition."""
        self._looked_at = time.monotonic()
        await call(self._view.look_around(), CALL_DEADLINE)

    def end(self) -> int | None:
        """Return the last known offset behind the end, from the latest fetch; None where it is not open."""
        if self._consumer is None:
            return None
        end: int | None = self._consumer.highwater(self._at)
        return end

    async def _look_aside(self) -> None:
        with contextlib.suppress(KafkaError, TimeoutError):  # it is tried again
            await self.look_around()

    async def _next(self, most: int, wait: float) -> list[Any]:
        """Read, and pause before the client gets to fetch again."""
        records = await self._reader.next([self._at], wait, most)
        if records and records[-1].offset + 1 >= (self.end() or 0):
            self._consumer.pause(self._at)
        return records
