"""The normalizer: raw records become canonical events, once each.

Guarantees
- Each version of an event that reaches raw is in the committed records of `events` at most once, the last one always,
  within the dedupe window, for consumers that read `read_committed`.
- A crash, a rebalance or a zombie at any moment changes nothing about that: position, marks, totals and events are
  one transaction.
- Not promised: order between different events of a lead (they come through different raw partitions).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final

from headrace.config.live import LiveConfig
from headrace.kafka.admin import Topic
from headrace.kafka.client import KafkaError
from headrace.kafka.group import ConsumerGroup
from headrace.kafka.group_member import Member
from headrace.kafka.partition_owner import Pace, TaskState
from headrace.kafka.topic_rules import retention_ms
from headrace.normalizer.commit import CommitLimits, Decision
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.held import held_for
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.task import NormalizerTask
from headrace.normalizer.turns import Turns
from headrace.observe.health import Health

DISPLAY_EVERY: Final = 5.0
"""Seconds between commits of the group's offsets."""
DEFAULT_PACE: Final = Pace()


class Normalizer:
    """Owns the tasks of this process. The group assigns and revokes; a task that cannot run ends the process."""

    def __init__(
        self,
        live: LiveConfig,
        topics: dict[str, Topic],
        *,
        metrics: NormalizerMetrics,
        health: Health,
        decided: Callable[[list[Decision]], None] = lambda _: None,
        pace: Pace = DEFAULT_PACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        config = live.config
        self._live: Final = live
        self.topics = topics
        self.metrics = metrics
        self.health = health
        self.decided = decided
        self.pace = pace
        self.clock = clock
        self.memory: dict[int, Seen] = {}
        self.group: Final = ConsumerGroup(
            config.kafka,
            f"{config.topic_prefix}normalizer",
            f"{config.topic_prefix}raw",
            self._task,
            metrics=metrics,
            health=health,
        )
        self._turns: Final = Turns()

    @property
    def tasks(self) -> Mapping[int, NormalizerTask]:
        """The tasks of this process, by partition of raw."""
        return self.group.tasks

    async def run(self) -> None:
        """Work until cancelled. Raises `CannotRun` or `NewerFormat` with a sentence for the operator."""
        self.metrics.held.held_for(self.limits(0).held_for)
        await self.group.run(self._display, self._log_held)

    def _task(self, member: Member, partition: int) -> NormalizerTask:
        return NormalizerTask(
            self._live,
            partition,
            self.memory.setdefault(partition, Seen()),
            limits=self.limits(partition),
            member=member,
            metrics=self.metrics,
            turns=self._turns,
            decided=self.decided,
            pace=self.pace,
            clock=self.clock,
        )

    async def _display(self, member: Member) -> None:
        """Commit the group's offsets now and then, for other tools' lag displays: nothing here reads them."""
        while True:
            await asyncio.sleep(DISPLAY_EVERY)
            running = {p: t.seen.next_offset for p, t in self.tasks.items() if t.state is TaskState.RUNNING}
            with contextlib.suppress(KafkaError, TimeoutError):
                if running:
                    await member.commit(running)

    async def _log_held(self, _: Member) -> None:
        """Log what is held, now and then."""
        while True:
            self.metrics.held.log(self.metrics.owned_held())
            await asyncio.sleep(DISPLAY_EVERY)

    def limits(self, partition: int) -> CommitLimits:
        """Return what the topics allow to the task of a partition."""
        prefix = self._live.config.topic_prefix
        raw, seen = self.topics[f"{prefix}raw"], self.topics[f"{prefix}seen"]
        return CommitLimits(
            topic=raw.name,
            partition=partition,
            event_bytes=int(self.topics[f"{prefix}events"].config["max.message.bytes"]),
            lifetime=retention_ms(seen) // 1000,
            raw_lifetime=max(self._live.config.dedupe.window, retention_ms(raw) // 1000),
            settle=self._live.config.ledger.settle,
            raw_bytes=int(raw.config["max.message.bytes"]),
            held_for=held_for(retention_ms(raw) // 1000),
            traced=self.metrics.tracer is not None,
        )
