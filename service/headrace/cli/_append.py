"""Append many records to raw, in their order."""

import asyncio
import sys
from typing import Final, Self

from headrace.config import Config
from headrace.core.record import Out
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.records.raw import place

_MOST: Final = 2_000
_MOST_BYTES: Final = 700_000
"""What is in flight fills less than one batch of the client: else a small record overtakes one that waits for room."""


class Appending:
    """Appends by groups: `add` until all is said, then `flush`. Raises `KafkaError`, `TimeoutError`.

    `appended` counts what is durable; `limit` is the size in bytes that the topic takes, to be checked before.
    """

    def __init__(self, config: Config, raw: Topic) -> None:
        self.appended = 0
        self.limit: Final = int(raw.config.get("max.message.bytes") or sys.maxsize)
        self._raw = raw
        self._appender = Appender(config.kafka)
        self._group: list[Out] = []
        self._bytes = 0

    async def __aenter__(self) -> Self:
        await self._appender.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._appender.__aexit__(*exc)

    async def add(self, out: Out) -> None:
        """Take a record; the group before it is appended where that is full."""
        if self._group and (len(self._group) == _MOST or self._bytes + out.size > _MOST_BYTES):
            await self.flush()
        self._group.append(out)
        self._bytes += out.size

    async def flush(self) -> None:
        """Append what was taken, and wait until it is durable."""
        group, self._group, self._bytes = self._group, [], 0
        count = self._raw.partitions
        appends = (self._appender.append(self._raw.name, place(out.key, count), out) for out in group)
        await asyncio.gather(*appends)
        self.appended += len(group)
