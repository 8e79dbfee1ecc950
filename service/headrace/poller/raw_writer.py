"""Bring the raw events of a turn into raw, group by group, in their order."""

import asyncio
import time
from typing import Final

import structlog

from headrace.core.record import Out
from headrace.core.timestamps import from_millis
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.topics import LETTER_ROOM
from headrace.records.dead_letter import encode_letter
from headrace.records.raw import admit, place, read_envelope
from headrace.sdk.provider import Provider, RawEvent
from headrace_events import DeadLetter, Problem, RawPosition

_MOST: Final = 2_000
_MOST_BYTES: Final = 700_000
"""What is in flight fills less than one batch of the client: else a small record overtakes one that waits for room."""

_log = structlog.get_logger()


class Appending:
    """Appends what one turn brings: `add` until all is said, then `flush`. Raises `KafkaError`, `TimeoutError`.

    `appended` counts what is durable, `too_large` what raw never takes: it becomes a dead letter here, because nobody
    behind raw could write it, and its page must go on.
    """

    def __init__(self, appender: Appender, raw: Topic, letters: Topic, provider: Provider) -> None:
        self.appended = 0
        self.too_large = 0
        self._appender: Final = appender
        self._raw: Final = raw
        self._letters: Final = letters
        self._limit: Final = int(raw.config["max.message.bytes"])
        self._provider: Final = provider
        self._group: list[Out] = []
        self._bytes = 0

    async def add(self, raw: RawEvent) -> None:
        """Take a raw event; the group before it is appended where that is full."""
        out = admit(self._provider, raw)
        if out.size > self._limit:
            await self._put_aside(raw, out)
            return
        if self._group and (len(self._group) == _MOST or self._bytes + out.size > _MOST_BYTES):
            await self.flush()
        self._group.append(out)
        self._bytes += out.size

    async def flush(self) -> None:
        """Append what was taken, and wait until it is durable."""
        group, self._group, self._bytes = self._group, [], 0
        count, name = self._raw.partitions, self._raw.name
        appends = (self._appender.append(name, place(out.key, count), out) for out in group)
        for result in await asyncio.gather(*appends, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        self.appended += len(group)

    async def _put_aside(self, raw: RawEvent, out: Out) -> None:
        """Write a dead letter; of what is too large for that topic, too, the beginning."""
        envelope, partition = read_envelope(out.headers), place(out.key, self._letters.partitions)
        kept = raw.value[: int(self._letters.config["max.message.bytes"]) - LETTER_ROOM]
        cut = "" if len(kept) == len(raw.value) else f"; only the first {len(kept):,} bytes are kept here"
        detail = f"{len(raw.value):,} bytes are more than {self._raw.name} takes ({self._limit:,}){cut}"
        letter = DeadLetter(
            problem=Problem("too_large", "The record is too large", detail),
            source=raw.source,
            resource=envelope.resource or None,
            id=envelope.id or None,
            via=raw.via,
            received=from_millis(raw.received),
            recordedtime=from_millis(time.time_ns() // 1_000_000),
            raw=RawPosition(self._raw.name, place(out.key, self._raw.partitions), -1),
        )
        told = encode_letter(letter, out.key, kept, out.headers, partition)
        await self._appender.append(self._letters.name, partition, told)
        self.too_large += 1
        _log.error("raw_event_too_large", source=raw.source, shape=raw.shape, bytes=out.size, limit=self._limit)
