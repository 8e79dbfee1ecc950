"""Keep the records of deliveries: in Kafka, or in the spool while Kafka is away.

Guarantees: what `keep` returned for is durable, in Kafka under acks=all or in the spool behind an fsync; records of a
topic reach Kafka in the order of `keep`, at least once (a record whose answer came too late is appended again);
whatever happens, `keep` ends within seconds. A record that no answer was given for may be appended all the same.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

from headrace.config import Config
from headrace.kafka.topics import verify, wanted
from headrace.kafka.wait_for_kafka import when_kafka_answers
from headrace.observe.health import ReceiverHealth
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.placement import TOPICS
from headrace.receiver.topic_writer import Item, KeepResult, TopicWriter
from headrace.spool import Spool
from headrace_events import Via

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 2.0
"""Seconds between attempts to verify the topics: deliveries wait in the spool for it."""


class RecordTooLarge(Exception):  # noqa: N818  (what is the case, not whose error)
    """A record that its topic would never take: nothing was kept."""


class Ingress:
    """One writer for each topic. `run` connects and drains; `keep` may be called before, during and after it."""

    def __init__(self, config: Config, spool: Spool, metrics: ReceiverMetrics, health: ReceiverHealth) -> None:
        self._config: Final = config
        self._spool: Final = spool
        self._metrics: Final = metrics
        self._health: Final = health
        self._limits = {
            topic.name.removeprefix(config.topic_prefix): int(topic.config["max.message.bytes"])
            for topic in wanted(config.topic_prefix)
            if "max.message.bytes" in topic.config
        }
        self._writers: Final = {topic: TopicWriter(topic, config, spool, metrics, health) for topic in TOPICS}
        metrics.show_spool(spool)

    @property
    def answers(self) -> bool:
        """Whether Kafka answers, as of the last call."""
        return self._writers["raw"].answers

    @property
    def has_room(self) -> bool:
        """Whether the spool has room."""
        return self._spool.has_room

    async def run(self) -> None:
        """Connect, for ever; drain what waits, and whatever comes to wait.

        Raises `UnfitTopics` where the topics are not what the promises need: verified when Kafka first answers, before
        the first append. Cancelled, it drains what it can in a few seconds.
        """
        topics = await when_kafka_answers(
            self._config.kafka,
            lambda: verify(self._config),
            first_pause=FIRST_PAUSE,
            longest_pause=LONGEST_PAUSE,
        )
        self._health.verified()
        for name, writer in self._writers.items():
            topic = topics[self._config.topic_prefix + name]
            self._limits[name] = int(topic.config.get("max.message.bytes") or self._limits[name])
            writer.partitions = topic.partitions
        async with asyncio.TaskGroup() as group:
            for writer in self._writers.values():
                group.create_task(writer.run())

    async def keep(self, items: Sequence[Item]) -> Literal["kafka", "spool"]:
        """Make items durable; return whether Kafka has all of them, or some wait in the spool.

        Raises `RecordTooLarge` before anything is kept, and `NoRoom` where neither took all of them in time.
        """
        for item in items:
            limit = self._limits[item.topic]
            if not item.record.fits(limit):
                raise RecordTooLarge(f"a record of {item.record.size:,} bytes; {item.topic} takes {limit:,}")
        topics = {item.topic for item in items}
        outcomes = (
            [await self._writers[topic].keep(items) for topic in topics]
            if len(topics) == 1
            else await self._keep_by_topic(items)
        )
        for outcome in outcomes:
            self._count(outcome)
        return "spool" if any(outcome.spooled for outcome in outcomes) else "kafka"

    async def _keep_by_topic(self, items: Sequence[Item]) -> list[KeepResult]:
        """Keep items of several topics at a time, each with its own writer."""
        shares = [(writer, [item for item in items if item.topic == topic]) for topic, writer in self._writers.items()]
        keeping = (writer.keep(share) for writer, share in shares if share)
        results = await asyncio.gather(*keeping, return_exceptions=True)
        outcomes: list[KeepResult] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            outcomes.append(result)
        return outcomes

    def _count(self, outcome: KeepResult) -> None:
        for item in outcome.appended:
            self._metrics.appended(item.topic, item.source, Via.WEBHOOK)
        for item in outcome.spooled:
            self._metrics.spooled(item.source)
