"""The way of one topic: straight into Kafka, or through the spool while Kafka is away and until that is drained.

```
          Kafka answers                    nothing waits
  AWAY ───────────────────► DRAINING ─────────────────────► DIRECT      any failure leads to AWAY
  keep: the spool           keep: the spool; near the        keep: Kafka, after 2 s the spool
                            end it waits for DIRECT
```
A way has a producer of its own: what befalls one topic (its rights, its leader) does not stop the other.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

import structlog
from msgspec import Struct

from headrace.config import Config
from headrace.core.record import Out
from headrace.kafka import partitioner as murmur
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError, is_definite
from headrace.records.raw import place
from headrace.spool import NoRoom, Spool, Waiting
from headrace_events import Via

APPEND_DEADLINE: Final = 2.0
"""Seconds that a record gets to be appended, until it goes to the spool."""
DRAIN_DEADLINE: Final = 15.0
LAST_DRAIN: Final = 5.0
"""Seconds to drain at the end."""
PAUSES: Final = (0.1, 1.0)
"""Seconds between two tries to connect: the first, and the longest."""
NEAR: Final = 1.0
"""Seconds that a record waits for the end of a drain, before it becomes part of it."""
PROBE: Final = 5.0
"""Seconds of silence after which Kafka is asked whether it is there."""
MOST: Final = 1_000
MOST_BYTES: Final = 4 * 2**20
"""Records and bytes of one batch from the spool."""
TOPICS: Final = ("raw", "nudges")

PLACES: Final[dict[str, Callable[[bytes, int], int]]] = {
    "raw": place,
    "nudges": lru_cache(maxsize=4096)(lambda key, count: murmur.partitions([key], count)[0]),
}
"""How the records of a topic are placed: raw by an explicit digest, nudges by their tenant as Java clients do."""

_log = structlog.get_logger()


class Item(Struct, frozen=True):
    """Something to keep: `out` of `source` for `topic` ("raw", "nudges")."""

    topic: str
    source: str
    out: Out


class Kept(Struct, frozen=True):
    """What became of items: each is durable, in Kafka or in the spool."""

    appended: Sequence[Item] = ()
    spooled: Sequence[Item] = ()


class WayMetrics(Protocol):
    """What a way counts."""

    def appended(self, topic: str, source: str, via: str, count: int = 1) -> None:
        """Count what Kafka took."""

    def drained(self, count: int = 1) -> None:
        """Count what Kafka took from the spool."""

    def set_aside(self, reason: str, count: int = 1) -> None:
        """Count what was set aside."""


class Way:
    """The way of one topic. `told` is called when it begins or ceases to be open, and when the spool has no room.

    `partitions` must be set before `run`; until then nothing is appended to Kafka.
    """

    def __init__(self, topic: str, config: Config, spool: Spool, metrics: WayMetrics, told: Callable[[], None]) -> None:
        self.partitions = 0
        self.answers = False
        self._said_away = False
        self._topic: Final = topic
        self._name: Final = config.topic_prefix + topic
        self._config: Final = config
        self._spool: Final = spool
        self._metrics: Final = metrics
        self._told: Final = told
        self._appender: Appender | None = None
        self._failure: BaseException | None = None
        self._news: Final = asyncio.Event()
        self._pause = PAUSES[0]
        self._place: Final = PLACES[topic]
        self._nearly: asyncio.Event | None = None
        """There while DIRECT is near: who comes now waits for it, else there would always be one more to drain."""

    async def keep(self, items: Sequence[Item]) -> Kept:
        """Make items durable. Raises `NoRoom`."""
        if self._nearly is not None:
            await self._near(self._nearly)
        left = await self._append(items) if self._is_direct else items
        if not left:
            return Kept(appended=items)
        try:
            await self._spool.append([(item.topic, item.source, item.out) for item in left], _now())
        except NoRoom:
            self._told()
            # Order is worth less than the delivery: the versions of the records tell it as well.
            if await self._append(left):
                raise
            return Kept(appended=items)
        self._news.set()
        return Kept(appended=_without(items, left) if len(left) < len(items) else (), spooled=left)

    async def run(self) -> None:
        """Connect, for ever, and drain. Cancelled, drain what can be drained in a few seconds."""
        while True:
            try:
                await self._serve()
            except (KafkaError, TimeoutError, OSError, sqlite3.Error) as error:
                self._cease(error)
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, PAUSES[1])

    async def _serve(self) -> None:
        """Be of use until Kafka fails, and raise what failed."""
        async with Appender(self._config.kafka) as appender:
            self._failure, self._appender = None, appender
            try:
                while True:
                    await self._drain(appender)
                    self._begin()
                    await self._listen(appender)
            except asyncio.CancelledError:
                with contextlib.suppress(KafkaError, TimeoutError, OSError, sqlite3.Error):
                    async with asyncio.timeout(LAST_DRAIN):
                        await self._drain(appender)
                raise
            except (KafkaError, TimeoutError, OSError, sqlite3.Error):
                await appender.discard()
                raise
            finally:
                self._appender = None

    async def _listen(self, appender: Appender) -> None:
        """Return when something waits to be drained; raise what failed. Ask Kafka after a silence."""
        try:
            async with asyncio.timeout(PROBE):
                await self._news.wait()
        except TimeoutError:
            await appender.check(APPEND_DEADLINE)
        self._news.clear()
        if self._failure is not None:
            raise self._failure

    @property
    def _is_direct(self) -> bool:
        """Whether Kafka takes it now."""
        return self._appender is not None and not self._spool.waiting(self._topic)

    async def _near(self, nearly: asyncio.Event) -> None:
        """Wait for the end of a drain that is near."""
        if self._appender is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NEAR):
                    await nearly.wait()

    async def _append(self, items: Sequence[Item]) -> Sequence[Item]:
        """Append items; give those that are not known to be durable."""
        appender = self._appender
        if appender is None:
            return items
        records = [(self._place(item.out.key, self.partitions), item.out) for item in items]
        errors = await appender.append_each(self._name, records, APPEND_DEADLINE)
        for error in filter(None, errors):
            self._failed(appender, error)
        return [item for item, error in zip(items, errors, strict=True) if error is not None]

    def _failed(self, appender: Appender, error: BaseException) -> None:
        """Leave the straight way after a failure, unless it is about the records: those show it in the spool."""
        if is_definite(error) or self._appender is not appender:
            return
        self._appender, self._failure = None, error
        self._cease(error)
        self._news.set()

    async def _drain(self, appender: Appender) -> None:
        """Append what waits, oldest first, until nothing does. Raises what stands in the way."""
        drained = 0
        try:
            while waiting := self._spool.waiting(self._topic):
                if self.answers and waiting <= MOST and self._nearly is None:
                    self._nearly = asyncio.Event()
                batch = await self._spool.oldest(self._topic, MOST, MOST_BYTES)
                await self._drain_batch(appender, batch)
                drained += len(batch)
                self._begin()
        finally:
            if self._nearly is not None:
                self._nearly.set()
                self._nearly = None
        if drained:
            self._spool.shrink()
            _log.info("spool_drained", topic=self._topic, records=drained)

    async def _drain_batch(self, appender: Appender, batch: Sequence[Waiting]) -> None:
        if not batch:
            await asyncio.sleep(PAUSES[0])  # what was on its way into the spool did not arrive
        oldest = _now() - self._config.spool.max_age * 1000
        groups: dict[int, list[Waiting]] = defaultdict(list)
        aside: dict[str, list[Waiting]] = defaultdict(list)
        for one in batch:
            if not one.sound:
                aside["damaged"].append(one)
            elif one.received < oldest:
                aside["too_old"].append(one)
            else:
                groups[self._place(one.out.key, self.partitions)].append(one)
        for reason, mine in aside.items():
            self._set_aside(mine, reason)
        outs = {partition: [one.out for one in mine] for partition, mine in groups.items()}
        taken = await appender.append_all(self._name, outs, DRAIN_DEADLINE)
        self._drained([one for partition, mine in groups.items() for one in mine[: taken[partition].count]])
        for partition, each in taken.items():
            if each.error is not None:
                if not is_definite(each.error):
                    raise each.error
                await self._one_by_one(appender, partition, groups[partition][each.count :])

    async def _one_by_one(self, appender: Appender, partition: int, records: Sequence[Waiting]) -> None:
        """Find which records of a refused batch Kafka refuses."""
        for one in records:
            try:
                await appender.append(self._name, partition, one.out, DRAIN_DEADLINE)
            except KafkaError as error:
                if not is_definite(error):
                    raise
                self._set_aside([one], "refused")
            else:
                self._drained([one])

    def _drained(self, records: Sequence[Waiting]) -> None:
        self._spool.remove(records)
        self._metrics.drained(len(records))
        for source, count in Counter(one.source for one in records).items():
            self._metrics.appended(self._topic, source, Via.WEBHOOK, count)

    def _set_aside(self, records: Sequence[Waiting], reason: str) -> None:
        """Set records aside; a line for each source, not for each record: after a long absence all are too old."""
        self._spool.set_aside(records, reason)
        self._metrics.set_aside(reason, len(records))
        for source, count in Counter(one.source for one in records).items():
            _log.warning("records_set_aside", topic=self._topic, source=source, records=count, reason=reason)

    def _begin(self) -> None:
        """Note that Kafka answers."""
        if not self.answers and self._failure is None:
            self.answers, self._said_away = True, False
            self._pause = PAUSES[0]
            _log.info("kafka_answers", topic=self._topic, waiting=self._spool.waiting(self._topic))
        self._told()

    def _cease(self, error: BaseException) -> None:
        """Note that Kafka does not answer."""
        if not self._said_away:
            _log.warning("kafka_away", topic=self._topic, reason=type(error).__name__)
        self.answers, self._said_away = False, True
        self._told()


def _without(items: Sequence[Item], left: Sequence[Item]) -> Sequence[Item]:
    """Give the items that are not among those left over: told apart by themselves, for two may say the same."""
    others = set(map(id, left))
    return [item for item in items if id(item) not in others]


def _now() -> int:
    return int(time.time() * 1000)
