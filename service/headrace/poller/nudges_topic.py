"""The topic `nudges` as brokers have it, beside what is stored of it: what is gone unread is noticed, and said.

Retention may have taken nudges before a poller read them, and somebody may have made the topic anew: then its offsets
begin again, and stored positions mean nothing. Only its id tells that: an end before a position is that of a broker
which is cut off from the others, as everywhere.
"""

import time
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.barrier import StaleEnds
from headrace.kafka.consumer import Consumer
from headrace.kafka.partition_reader import WrongLog
from headrace.poller.metrics import PollerMetrics
from headrace.poller.state import PartitionState
from headrace.poller.state_writer import StateWriter
from headrace.records.cursors import CursorEntry, NudgeGap, NudgePosition, TopicId, entry

NAME: Final = "nudges"

_log = structlog.get_logger()


class NudgesTopic:
    """The topic with its full `name`, for the owner of one `partition` of cursors."""

    def __init__(
        self,
        kafka: KafkaSettings,
        name: str,
        partition: int,
        *,
        state: PartitionState,
        writer: StateWriter,
        stale: StaleEnds,
        metrics: PollerMetrics,
    ) -> None:
        self._kafka: Final = kafka
        self._name: Final = name
        self._partition: Final = partition
        self._state: Final = state
        self._writer: Final = writer
        self._stale: Final = stale
        self._metrics: Final = metrics

    async def take_over(self) -> None:
        """Note what is gone since it was read last, and where to read on. Raises `KafkaError`, `TimeoutError`."""
        async with Consumer(self._kafka) as log:
            found = await log.topic_id(self._name)
            bounds = {
                partition: await log.bounds(self._name, partition) for partition in await log.led_partitions(self._name)
            }
        entries = self._anew() if self._is_another(found) else self._passed_over(bounds)
        if found and found != self._state.topics.get(NAME):
            entries.append(entry("", TopicId(found), NAME))
        await self._writer.store(entries)

    async def check(self) -> None:
        """Raise `WrongLog` where the topic was made anew: who takes over then reads on from its begin.

        Raises `KafkaError`, `TimeoutError`.
        """
        async with Consumer(self._kafka) as log:
            found = await log.topic_id(self._name)
        if self._is_another(found):
            raise WrongLog(f"{self._name} was made anew")
        if found and NAME not in self._state.topics:
            await self._writer.store([entry("", TopicId(found), NAME)])

    def _is_another(self, found: str) -> bool:
        """Return whether an id is not that of the topic that was read; where either is unknown, nobody knows."""
        known = self._state.topics.get(NAME)
        return bool(found and known and found != known)

    def _anew(self) -> list[CursorEntry]:
        positions = [entry("", NudgePosition(0), str(partition)) for partition in self._state.nudged]
        return positions + [gap for partition, at in self._state.nudged.items() for gap in self._gap(partition, at)]

    def _passed_over(self, bounds: dict[int, tuple[int, int]]) -> list[CursorEntry]:
        gaps: list[CursorEntry] = []
        stale = False
        for partition, at in self._state.nudged.items():
            first, end = bounds.get(partition, (at, at))
            if first > at:
                gaps += [*self._gap(partition, at, first), entry("", NudgePosition(first), str(partition))]
            if end < at:
                stale = True
                self._stale.found(self._name, end=end, known=at)
        if not stale:
            self._stale.over(self._name)
        return gaps

    def _gap(self, partition: int, at: int, end: int | None = None) -> list[CursorEntry]:
        """Return the entry that says that nudges are gone from an offset on; log and count it as well."""
        _log.error(
            "nudges_gone",
            topic=self._name,
            partition=partition,
            begin=at,
            end=end,
            reason="the topic was made anew" if end is None else "retention took them",
            hint="what they named is in raw as long as raw is kept: headrace redrive --nudged",
        )
        self._metrics.nudges_gone(self._partition)
        return [entry("", NudgeGap(int(time.time() * 1000), end), str(partition), str(at))]
