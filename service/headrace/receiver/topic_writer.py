"""Writer of raw: straight into Kafka, or through the spool while Kafka is away and until the spool is drained.

```
          Kafka answers                    nothing waits
  AWAY ───────────────────► DRAINING ─────────────────────► DIRECT      any failure leads to AWAY
  keep: the spool           keep: the spool; near the        keep: Kafka, after 2 s the spool
                            end it waits for DIRECT
```
It looks at raw each time it connects. While that is missing or unfit, everything goes into the spool.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Sequence
from typing import Final

import structlog
from msgspec import Struct

from headrace.config import Config
from headrace.core.record import ProducerRecord
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError, is_definite, why
from headrace.kafka.raw_topic import RawTopic
from headrace.kafka.topics import UnfitTopics, wanted
from headrace.observe.health import ReceiverHealth
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.spool_drain import BATCH_RECORDS, RAW, SpoolDrain
from headrace.records.raw import place
from headrace.spool import NoRoom, Spool
from headrace_events import NoticeKind

APPEND_DEADLINE_SECONDS: Final = 2.0
"""What a record gets to be appended, until it goes to the spool."""
LAST_DRAIN_SECONDS: Final = 5.0
"""What draining gets when the receiver stops."""
FIRST_RETRY_SECONDS: Final = 0.1
LONGEST_RETRY_SECONDS: Final = 1.0
"""Between two attempts to connect."""
DRAIN_END_SECONDS: Final = 1.0
"""How long a record waits for the end of a drain, before it becomes part of it."""
PROBE_SECONDS: Final = 5.0
"""Silence after which Kafka is asked whether it is there."""

_AWAY: Final = (KafkaError, TimeoutError, OSError, sqlite3.Error)
"""What ends a connection, or a drain; it is tried again."""

_log = structlog.get_logger()


class Item(Struct, frozen=True):
    """One record of a delivery of `source`."""

    source: str
    record: ProducerRecord


class KeepResult(Struct, frozen=True):
    """What became of items: each is durable, in Kafka or in the spool."""

    appended: Sequence[Item] = ()
    spooled: Sequence[Item] = ()


class TopicWriter:
    """Keeps items. `limit` is the size in bytes of the largest record that raw takes."""

    def __init__(self, config: Config, spool: Spool, metrics: ReceiverMetrics, health: ReceiverHealth) -> None:
        self.limit = next(int(topic.config["max.message.bytes"]) for topic in wanted("") if topic.name == RAW)
        self.answers = False
        """Whether Kafka answers, as of the last call."""
        self._absence_logged = False
        self._name: Final = config.topic_prefix + RAW
        self._kafka: Final = config.kafka
        self._spool: Final = spool
        self._health: Final = health
        self._notices: Final = metrics.notices
        self._drain: Final = SpoolDrain(config, spool, metrics)
        self._raw: Final = RawTopic(config)
        self._partitions = 0
        self._unfit = ""
        """What is wrong with raw, as it was last logged."""
        self._appender: Appender | None = None
        self._failure: BaseException | None = None
        self._wake: Final = asyncio.Event()
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._drain_end: asyncio.Event | None = None
        """There while DIRECT is near: who comes now waits for it, else there would always be one more to drain."""
        self._report()

    async def keep(self, items: Sequence[Item]) -> KeepResult:
        """Make items durable. Raises `NoRoom`."""
        if self._drain_end is not None:
            await self._wait_for(self._drain_end)
        left = await self._append(items) if self._is_direct else items
        if not left:
            return KeepResult(appended=items)
        try:
            await self._spool.append([(RAW, item.source, item.record) for item in left], _now_ms())
        except NoRoom:
            self._report()
            # Order is worth less than the delivery: the versions of the records tell it as well.
            if await self._append(left):
                raise
            return KeepResult(appended=items)
        self._wake.set()
        self._report()
        return KeepResult(appended=_without(items, left) if len(left) < len(items) else (), spooled=left)

    async def run(self) -> None:
        """Connect, for ever, and drain. Cancelled, drain what can be drained in a few seconds."""
        while True:
            try:
                await self._serve()
            except UnfitTopics as unfit:
                self._note_unfit(str(unfit))
            except _AWAY as error:
                self._raw.refused(error)
                self._note_absence(error)
            await asyncio.sleep(self._retry_seconds)
            self._retry_seconds = min(self._retry_seconds * 2, LONGEST_RETRY_SECONDS)

    async def _serve(self) -> None:
        """Drain and append until Kafka fails, and raise what failed. Raises `UnfitTopics` where raw is unfit."""
        raw = await self._raw.look()
        self._health.kafka(answers=True)
        self._partitions, self.limit = raw.partitions, int(raw.config["max.message.bytes"])
        self._note_fit()
        async with Appender(self._kafka) as appender:
            self._failure, self._appender = None, appender
            try:
                while True:
                    await self._drain_all(appender)
                    self._note_answer()
                    await self._listen(appender)
            except asyncio.CancelledError:
                with contextlib.suppress(*_AWAY):
                    async with asyncio.timeout(LAST_DRAIN_SECONDS):
                        await self._drain_all(appender)
                raise
            except _AWAY:
                await appender.discard()
                raise
            finally:
                self._appender = None

    async def _listen(self, appender: Appender) -> None:
        """Return when something waits to be drained; raise what failed. Ask Kafka after a silence."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            await appender.check(APPEND_DEADLINE_SECONDS)
        self._wake.clear()
        if self._failure is not None:
            raise self._failure

    async def _drain_all(self, appender: Appender) -> None:
        """Append what waits, oldest first, until nothing does. Raises what stands in the way."""
        drained = 0
        try:
            while waiting := self._spool.waiting(RAW):
                if self.answers and waiting <= BATCH_RECORDS and self._drain_end is None:
                    self._drain_end = asyncio.Event()
                drained += await self._drain.drain_batch(appender, self._partitions)
                self._note_answer()
        finally:
            if self._drain_end is not None:
                self._drain_end.set()
                self._drain_end = None
        if drained:
            self._spool.shrink()
            _log.info("spool_drained", records=drained)

    @property
    def _is_direct(self) -> bool:
        """Whether Kafka takes it now."""
        return self._appender is not None and not self._spool.waiting(RAW)

    async def _wait_for(self, drain_end: asyncio.Event) -> None:
        """Wait for the end of a drain that is near."""
        if self._appender is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_END_SECONDS):
                    await drain_end.wait()

    async def _append(self, items: Sequence[Item]) -> Sequence[Item]:
        """Append items; return those that are not known to be durable."""
        appender = self._appender
        if appender is None:
            return items
        records = [(place(item.record.key, self._partitions), item.record) for item in items]
        errors = await appender.append_each(self._name, records, APPEND_DEADLINE_SECONDS)
        for error in filter(None, errors):
            self._fail(appender, error)
        return [item for item, error in zip(items, errors, strict=True) if error is not None]

    def _fail(self, appender: Appender, error: BaseException) -> None:
        """Go AWAY after a failure, unless it is about the records: the drain finds out which of them."""
        if is_definite(error) or self._appender is not appender:
            return
        self._appender, self._failure = None, error
        self._raw.refused(error)
        self._note_absence(error)
        self._wake.set()

    def _note_answer(self) -> None:
        """Note that Kafka answers."""
        if not self.answers and self._failure is None:
            self.answers, self._absence_logged = True, False
            self._retry_seconds = FIRST_RETRY_SECONDS
            _log.info("kafka_answers", waiting=self._spool.waiting(RAW))
        self._health.kafka(answers=True)
        self._report()

    def _note_absence(self, error: BaseException) -> None:
        """Note that Kafka does not answer."""
        if not self._absence_logged:
            _log.warning("kafka_away", reason=why(error))
        self.answers, self._absence_logged = False, True
        self._health.kafka(answers=False)
        self._report()

    def _note_fit(self) -> None:
        """Note that raw is as it should be."""
        self._unfit = ""
        self._health.raw_is_unfit("")
        self._health.verified()

    def _note_unfit(self, reason: str) -> None:
        """Note what is wrong with raw; one line each time that this changes."""
        if reason != self._unfit:
            _log.error("raw_is_unfit", reason=reason, kept_in="spool")
        self._unfit, self.answers = reason, False
        self._health.kafka(answers=True)
        self._health.raw_is_unfit(reason)
        self._report()

    def _report(self) -> None:
        """Report to health, and whether the spool is in use."""
        notices, why = self._notices, self._unfit or "Kafka does not take deliveries in time: they wait in the spool"
        notices.note(NoticeKind.SPOOL_IN_USE, notices.process, why if self._spool.waiting(RAW) else None)
        self._health.raw_takes(self.answers)
        self._health.room(self._spool.has_room)


def _without(items: Sequence[Item], left: Sequence[Item]) -> Sequence[Item]:
    """Return the items that are not among those left over: by themselves, for two may be equal."""
    others = set(map(id, left))
    return [item for item in items if id(item) not in others]


def _now_ms() -> int:
    return int(time.time() * 1000)
