"""Append records to `raw`: each to the partition of its key, those of one partition in their order."""

import asyncio
import sys
from typing import Final

from headrace.core.record import ProducerRecord
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.records.raw import place
from headrace_events import RawPosition

GROUP_RECORDS: Final = 2_000
GROUP_BYTES: Final = 700_000
"""What is in flight fills less than one batch of the client: else a small record overtakes one that waits for room."""


class RawWriter:
    """Appends by groups: `add` each record, then `flush`. Raises `KafkaError`, `TimeoutError`.

    `appended` counts what is durable. `limit` is the size in bytes of the largest record that the topic takes: callers
    compare a record with it before they add it, because each has its own answer to one that is too large.
    """

    def __init__(self, appender: Appender, raw: Topic) -> None:
        self.appended = 0
        self.limit: Final = int(raw.config.get("max.message.bytes") or sys.maxsize)
        self._appender: Final = appender
        self._raw: Final = raw
        self._group: list[ProducerRecord] = []
        self._bytes = 0

    async def add(self, record: ProducerRecord) -> None:
        """Take a record; the group before it is appended where that is full."""
        size = record.size
        if self._group and (len(self._group) == GROUP_RECORDS or self._bytes + size > GROUP_BYTES):
            await self.flush()
        self._group.append(record)
        self._bytes += size

    async def flush(self) -> None:
        """Append what was added, and wait until all of it is durable or has failed."""
        group, self._group, self._bytes = self._group, [], 0
        count, name = self._raw.partitions, self._raw.name
        appends = (self._appender.append(name, place(record.key, count), record) for record in group)
        for result in await asyncio.gather(*appends, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        self.appended += len(group)

    async def append(self, record: ProducerRecord) -> RawPosition:
        """Append one record behind what was added; return where it stands once it is durable."""
        await self.flush()
        partition = self.partition_of(record)
        offset = await self._appender.append(self._raw.name, partition, record)
        self.appended += 1
        return RawPosition(self._raw.name, partition, offset)

    def partition_of(self, record: ProducerRecord) -> int:
        """Return the partition of a record."""
        return place(record.key, self._raw.partitions)
