"""One reader of a topic for all partitions of `cursors` that are owned here.

Each subscriber stores in its partition how far it has got. Reading begins where the one that is furthest behind stands,
and anew when one more comes: those that are further meet some records again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Record, read

PAUSE_SECONDS: Final = 5.0

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_log = structlog.get_logger()


class Subscriber(Protocol[T_contra]):
    """Who takes what was read."""

    @property
    def positions(self) -> Mapping[int, int]:
        """The stored positions, by partition of the topic: the next offset to read."""

    async def take(self, found: T_contra, partition: int, offset: int) -> None:
        """Take what was found in the record at an offset; nothing more is read meanwhile."""

    def passed(self, partition: int, position: int) -> None:
        """Note that all before a position was taken; markers of transactions have offsets, too."""


class SharedReader(Generic[T]):
    """Reads committed records of a topic while anybody here wants them; `decode` says what is found in one.

    A partition without a leader stops the reading of no other.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, decode: Callable[[Record], T]) -> None:
        self._kafka: Final = kafka
        self._topic: Final = topic
        self._decode: Final = decode
        self._subscribers: Final[set[Subscriber[T]]] = set()
        self._changed: Final = asyncio.Event()
        self._without: Sequence[int] = ()
        """The partitions that had no leader when they were looked for last."""
        self._read_at: float | None = None

    @property
    def unread_seconds(self) -> float:
        """Seconds since all partitions were last looked at for news, 0 while nobody here wants them."""
        if not self._subscribers or self._read_at is None:
            return 0.0
        return time.monotonic() - self._read_at

    def add(self, subscriber: Subscriber[T]) -> None:
        """Read for one more partition, and begin again where it has got to, unless that is read for already."""
        if subscriber in self._subscribers:
            return
        if not self._subscribers:
            self._read_at = time.monotonic()
        self._subscribers.add(subscriber)
        self._changed.set()

    def remove(self, subscriber: Subscriber[T]) -> None:
        """Read no more for a partition."""
        self._subscribers.discard(subscriber)
        self._changed.set()  # it may be what reading waits for

    async def run(self) -> None:
        """Read until cancelled, however often Kafka is away. Raises what `decode` raises."""
        while True:
            self._changed.clear()
            reading = asyncio.create_task(self._read())
            waiting = asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
            finally:
                reading.cancel()
                waiting.cancel()
                await asyncio.gather(reading, waiting, return_exceptions=True)
            if not reading.cancelled() and (error := reading.exception()):
                raise error

    async def _read(self) -> None:
        while True:
            subscribers = list(self._subscribers)
            try:
                if not subscribers:
                    await self._changed.wait()
                    return
                await self._follow(subscribers)
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("topic_not_read", topic=self._topic, reason=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _follow(self, subscribers: Sequence[Subscriber[T]]) -> None:
        def passed(partition: int, position: int) -> None:
            self._note_read()
            for subscriber in subscribers:
                subscriber.passed(partition, position)

        begin, without = _least(subscribers), self._note_without
        async for record in read(self._kafka, self._topic, begin=begin, follow=True, passed=passed, without=without):
            self._note_read()
            found = self._decode(record)
            for subscriber in subscribers:
                await subscriber.take(found, record.partition, record.offset)

    def _note_without(self, partitions: Sequence[int]) -> None:
        if partitions:
            _log.warning("partitions_without_leader", topic=self._topic, partitions=partitions)
        self._without = partitions

    def _note_read(self) -> None:
        if not self._without:
            self._read_at = time.monotonic()


def _least(subscribers: Sequence[Subscriber[T]]) -> dict[int, int]:
    """Return the least position that all have reached, by partition of the topic."""
    known = set.intersection(*(set(subscriber.positions) for subscriber in subscribers))
    return {partition: min(subscriber.positions[partition] for subscriber in subscribers) for partition in known}
