"""Bring the raw events of a feed run into `raw`; what `raw` would never take becomes a dead letter."""

import time
from collections.abc import Iterable
from typing import Final

import structlog
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.core.timestamps import from_millis
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.raw_writer import RawWriter
from headrace.kafka.topic_rules import LETTER_ROOM_BYTES
from headrace.poller.row_watch import RowWatch
from headrace.records.dead_letter import encode_letter
from headrace.records.raw import from_raw_record, place, to_raw_record
from headrace.sdk.provider import Provider, RawEvent
from headrace_events import DeadLetter, Problem, RawPosition

_log = structlog.get_logger()


class RawEventWriter:
    """Names and appends what one feed run brings: `add` each raw event, then `flush`.

    Raises `KafkaError`, `TimeoutError`. `appended` counts what is durable, `too_large` what raw never takes: it becomes
    a dead letter here, because the normalizer never sees it, and the rest of the page must proceed: without its bytes
    where the events of the tenant are `redacted`. `watch` looks at every row, and says which of them are wanted.
    `swept`: nothing had named the lead whose rows these are.
    """

    def __init__(
        self,
        appender: Appender,
        raw: Topic,
        letters: Topic,
        provider: Provider,
        watch: RowWatch,
        *,
        swept: bool = False,
        redacted: bool = False,
    ) -> None:
        self.too_large = 0
        self._swept: Final = swept
        self._redacted: Final = redacted
        self._watch: Final = watch
        self._appender: Final = appender
        self._raw: Final = raw
        self._letters: Final = letters
        self._provider: Final = provider
        self._writer: Final = RawWriter(appender, raw)

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._provider.name

    @property
    def appended(self) -> int:
        """How many raw events are durable."""
        return self._writer.appended

    async def add(self, raw: RawEvent) -> None:
        """Take a raw event; the group before it is appended where that is full."""
        if self._swept:
            raw = replace(raw, swept=True)
        record = to_raw_record(self._provider, raw)
        if self._watch.waits:
            await self._watch.ready()
            if self._watch.saw(raw, record.key):
                record = to_raw_record(self._provider, replace(raw, twin=True))
        if not self._watch.wants(record.key):
            return
        if record.size > self._writer.limit:
            await self._put_aside(raw, record)
        else:
            await self._writer.add(record)

    async def pass_over(self, raws: Iterable[RawEvent]) -> None:
        """Take note of rows that were read and need not be appended; a far one that is wanted may never have been."""
        if self._watch.far:
            for raw in raws:
                await self.add(raw)
        elif self._watch.waits:
            await self._watch.ready()
            for raw in raws:
                self._watch.saw(raw, to_raw_record(self._provider, raw).key, before=True)

    async def flush(self) -> None:
        """Append what was added, and wait until it is durable."""
        await self._writer.flush()

    async def _put_aside(self, raw: RawEvent, record: ProducerRecord) -> None:
        """Write a dead letter; of what is too large for that topic as well, the beginning."""
        named, limit = from_raw_record(record.headers, record.value), self._writer.limit
        value = raw.value[: int(self._letters.config["max.message.bytes"]) - LETTER_ROOM_BYTES]
        cut = "" if len(value) == len(raw.value) else f"; only the first {len(value):,} bytes are kept here"
        if self._redacted:
            cut = "; none are kept here, as its tenant's events are redacted"
        detail = f"{len(raw.value):,} bytes are more than {self._raw.name} takes ({limit:,}){cut}"
        letter = DeadLetter(
            problem=Problem("too_large", "The record is too large", detail),
            source=raw.source,
            resource=named.resource or None,
            id=named.id or None,
            via=raw.via,
            received=from_millis(raw.received),
            recordedtime=from_millis(time.time_ns() // 1_000_000),
            raw=RawPosition(self._raw.name, self._writer.partition_of(record), -1),
            redacted=self._redacted,
        )
        partition = place(record.key, self._letters.partitions)
        encoded = encode_letter(letter, record.key, value, record.headers, partition)
        await self._appender.append(self._letters.name, partition, encoded)
        self.too_large += 1
        _log.error("raw_event_too_large", source=raw.source, shape=raw.shape, bytes=record.size, limit=limit)
