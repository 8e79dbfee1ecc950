"""Read a topic as far as it goes, and later what came since, without waiting for more."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from headrace.kafka.consumer import Consumer, Record


class NoTopic(Exception):  # noqa: N818  (what is the case, not whose error)
    """There is no topic of this name."""


class TopicFollower:
    """Reads all partitions of a topic on, through a consumer that nobody else reads with."""

    def __init__(self, log: Consumer, topic: str) -> None:
        self.topic: Final = topic
        self._log: Final = log
        self._positions: Final[dict[int, int]] = {}

    async def partitions(self) -> int:
        """Count the partitions, without creating the topic. Raises `NoTopic`, `KafkaError`, `TimeoutError`."""
        count = await self._log.partitions_of(self.topic)
        if not count:
            raise NoTopic(self.topic)
        return count

    async def news(self) -> AsyncGenerator[Sequence[Record]]:
        """Yield what stands on the topic behind what was read before. Raises as `partitions` does."""
        for partition in range(await self.partitions()):
            first, end = await self._log.bounds(self.topic, partition)
            at = max(first, self._positions.get(partition, first))
            if at < end:
                self._log.seek(self.topic, partition, at)
            while at < end:
                records, at = await self._log.next(self.topic, partition)
                yield records
            self._positions[partition] = at
