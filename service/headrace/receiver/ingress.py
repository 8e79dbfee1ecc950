"""The way from the door into Kafka, or into the spool while Kafka is away.

Guarantees: what `keep` returned for is durable, in Kafka under acks=all or in the spool behind an fsync; records of a
topic reach Kafka in the order of `keep`; a record may be appended twice (its answer came too late), never not at all;
whatever happens, `keep` ends within seconds. A record that no answer was given for may be appended all the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

from headrace.config import Config
from headrace.kafka.admin import Topic
from headrace.kafka.topics import verify, wanted
from headrace.kafka.wait_for_kafka import when_kafka_answers
from headrace.receiver.metrics import SpoolFacts
from headrace.receiver.topic_writer import TOPICS, Item, Kept, Way
from headrace.spool import NoRoom, Spool
from headrace_events import Via

__all__ = ["Intake", "IntakeHealth", "IntakeMetrics", "Item", "NoRoom", "TooLarge"]

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 2.0
"""Seconds between attempts to verify the topics: deliveries wait in the spool for it."""
"""Seconds between two questions after the topics: the first, and the longest."""


class TooLarge(Exception):  # noqa: N818  (what is the case, not whose error)
    """A record that its topic would never take: nothing was kept."""


class IntakeMetrics(Protocol):
    """What the intake counts: see `ReceiverMetrics`."""

    def appended(self, topic: str, source: str, via: str, count: int = 1) -> None:
        """Count what Kafka took, at once or from the spool."""

    def spooled(self, source: str, count: int = 1) -> None:
        """Count what was put into the spool."""

    def drained(self, count: int = 1) -> None:
        """Count what Kafka took from the spool."""

    def set_aside(self, reason: str, count: int = 1) -> None:
        """Count what was set aside."""

    def damaged(self) -> None:
        """Count a damaged spool."""

    def salvaged(self, count: int) -> None:
        """Count what could still be read in it."""

    def read_spool(self, spool: Callable[[], SpoolFacts]) -> None:
        """Have `spool` asked before each reading."""


class IntakeHealth(Protocol):
    """What the intake tells of itself: see `ReceiverHealth`."""

    def verified(self) -> None:
        """Note that the topics are verified."""

    def kafka(self, *, answers: bool) -> None:
        """Note whether Kafka answers."""

    def room(self, has_room: bool) -> None:  # noqa: FBT001  (as there)
        """Note whether the spool has room."""


class Intake:
    """The way in. `run` connects and drains; `keep` may be called before, during and after it."""

    def __init__(self, config: Config, spool: Spool, metrics: IntakeMetrics, health: IntakeHealth) -> None:
        self._config: Final = config
        self._spool: Final = spool
        self._metrics: Final = metrics
        self._health: Final = health
        self._told_damage = (0, 0)
        self._limits = {
            topic.name.removeprefix(config.topic_prefix): int(topic.config["max.message.bytes"])
            for topic in wanted(config.topic_prefix)
            if "max.message.bytes" in topic.config
        }
        self._ways: Final = {topic: self._way(topic) for topic in TOPICS}
        metrics.read_spool(self._facts)
        self._tell()

    @property
    def answers(self) -> bool:
        """Whether Kafka answers, as far as it was last heard."""
        return self._ways["raw"].answers

    @property
    def has_room(self) -> bool:
        """Whether the spool has room."""
        return self._spool.has_room

    async def run(self) -> None:
        """Connect, for ever; drain what waits, and whatever comes to wait.

        Raises `UnfitTopics` where the topics are not what the promises need: verified when Kafka first answers, before
        the first append. Cancelled, it drains what it can in a few seconds.
        """
        topics = await self._verified()
        self._health.verified()
        for topic, way in self._ways.items():
            found = topics[self._config.topic_prefix + topic]
            self._limits[topic] = int(found.config.get("max.message.bytes") or self._limits[topic])
            way.partitions = found.partitions
        async with asyncio.TaskGroup() as group:
            for way in self._ways.values():
                group.create_task(way.run())

    async def keep(self, items: Sequence[Item]) -> Literal["kafka", "spool"]:
        """Make items durable; say whether Kafka has them, or some wait in the spool.

        Raises `TooLarge` before anything is kept, and `NoRoom` where neither took all of them in time.
        """
        for item in items:
            if not item.out.fits(self._limits[item.topic]):
                raise TooLarge(f"a record of {item.out.size:,} bytes; {item.topic} takes {self._limits[item.topic]:,}")
        topics = {item.topic for item in items}
        kept = (
            [await self._ways[topic].keep(items) for topic in topics] if len(topics) == 1 else await self._both(items)
        )
        for each in kept:
            self._count(each)
        return "spool" if any(each.spooled for each in kept) else "kafka"

    async def _both(self, items: Sequence[Item]) -> list[Kept]:
        """Keep items of several topics at a time, each topic its own way."""
        ways = [(way, [item for item in items if item.topic == topic]) for topic, way in self._ways.items()]
        outcomes = await asyncio.gather(*(way.keep(mine) for way, mine in ways if mine), return_exceptions=True)
        kept: list[Kept] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            kept.append(outcome)
        return kept

    def _count(self, kept: Kept) -> None:
        for item in kept.appended:
            self._metrics.appended(item.topic, item.source, Via.WEBHOOK)
        for item in kept.spooled:
            self._metrics.spooled(item.source)
        if kept.spooled:
            self._tell()

    async def _verified(self) -> dict[str, Topic]:
        """Verify the topics when Kafka first answers."""
        return await when_kafka_answers(
            self._config.kafka,
            lambda: verify(self._config),
            first_pause=FIRST_PAUSE,
            longest_pause=LONGEST_PAUSE,
        )

    def _way(self, topic: str) -> Way:
        return Way(topic, self._config, self._spool, self._metrics, self._tell)

    def _tell(self) -> None:
        self._health.kafka(answers=self.answers)
        self._health.room(self.has_room)

    def _facts(self) -> SpoolFacts:
        """Tell what the spool holds, and what became of it since the last time."""
        damage, (times, salvaged) = self._spool.damage, self._told_damage
        for _ in range(damage.times - times):
            self._metrics.damaged()
        if damage.salvaged > salvaged:
            self._metrics.salvaged(damage.salvaged - salvaged)
        self._told_damage = (damage.times, damage.salvaged)
        facts = self._spool.facts()
        return SpoolFacts(
            usable=self._spool.usable,
            waiting=facts.waiting,
            set_aside=facts.set_aside,
            bytes=facts.bytes,
            limit=self._spool.limit,
            oldest=facts.oldest,
            put=facts.put,
            drained=facts.drained,
        )
