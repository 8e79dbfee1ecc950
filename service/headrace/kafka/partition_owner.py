"""Own one partition: fence, set a barrier, restore, work, and leave without a trace.

```
CREATED --> FENCING --> RESTORING --> RUNNING --> CLOSED        cancellation leads to CLOSED from anywhere
               ^            |            |
               +------------+------------+   any error inside a transaction: close the producer, begin again
```

The order of a take-over is part of correctness. Fence first: from then on the predecessor cannot commit. Then commit a
barrier behind all that it committed: whoever has read that has restored all there is, whatever end a broker tells.
"""

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import structlog
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.core.record import ProducerRecord
from headrace.kafka.barrier import Barrier, StaleEnds
from headrace.kafka.call import revoked
from headrace.kafka.client import KafkaError
from headrace.kafka.group_member import Member
from headrace.kafka.hanging_transactions import CannotEnd, Predecessors
from headrace.kafka.producer import Fenced, Transactions, WriteFailed
from headrace.kafka.role_rights import REFUSED
from headrace.observe.tasks import DOUBTFUL, TaskMetrics

SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds: when Kafka comes back, a task resumes within seconds."""
DAY_SECONDS: Final = 86_400.0
TOKEN_BYTES: Final = 16

_log = structlog.get_logger()


class TaskState(StrEnum):
    """Where a task is in its life."""

    CREATED = "created"
    FENCING = "fencing"
    RESTORING = "restoring"
    RUNNING = "running"
    CLOSED = "closed"


class CannotRun(Exception):  # noqa: N818  (a sentence for the operator)
    """The state of the topics rules out the guarantees; the process ends with this message."""


class Pace(Struct, frozen=True):
    """Seconds: between looks at the group, that a restore may stand still, until a quiet position is written again."""

    heartbeat: float = 3.0
    restore: float = 60.0
    rewrite: float = DAY_SECONDS


class PartitionOwner(ABC):
    """Owns one partition: fences its predecessor, then writes under the transactional id `<name>-<partition>`.

    It writes in transactions to the partition of the same number (modulo the count) of each of `topics`, the first of
    which holds what it remembers, and to any partition of those `at_large`.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        name: str,
        partition: int,
        topics: Sequence[str],
        *,
        at_large: Sequence[str] = (),
        member: Member,
        metrics: TaskMetrics,
        pace: Pace,
    ) -> None:
        self.partition: Final = partition
        self.state = TaskState.CREATED
        self._kafka: Final = kafka
        self._transactional_id: Final = f"{name}-{partition}"
        self._predecessors: Final = Predecessors(self._transactional_id, at_large, dict.fromkeys(topics, partition))
        self._memory_topic: Final = topics[0]
        self._member: Final = member
        self._task_metrics: Final = metrics
        self._pace: Final = pace
        self._stale: Final = StaleEnds(partition, metrics)

    @abstractmethod
    def barrier(self, token: bytes) -> ProducerRecord:
        """Return a record that says nothing but that it is a barrier; `token` tells it from others."""

    @abstractmethod
    async def restore(self, barrier: Barrier) -> None:
        """Bring memory to where our own barrier stands. Raises `CannotRun`, `NewerFormat`."""

    @abstractmethod
    async def work(self, producer: Transactions) -> None:
        """Enter RUNNING, and work until `producer` is doubtful. Raises `WriteFailed`."""

    @abstractmethod
    def progress(self) -> object:
        """Return what differs when there was progress: then errors do not add up."""

    @abstractmethod
    def written(self) -> object:
        """Return what differs when it wrote: then Kafka answered. Failures may be progress; this they never are."""

    @abstractmethod
    def lag(self) -> int:
        """Return how many records are known to lie before it."""

    async def run(self) -> None:
        """Take over and work until cancelled. Raises `CannotRun`, `NewerFormat`."""
        pause = SHORTEST_PAUSE
        try:
            while not revoked():
                reached = self.progress()
                try:
                    await self.own()
                except (WriteFailed, KafkaError, TimeoutError, ConnectionError) as error:
                    fenced = isinstance(error, Fenced) or (isinstance(error, WriteFailed) and error.fenced)
                    await self._recover(error, pause, fenced=fenced)
                pause = SHORTEST_PAUSE if reached != self.progress() else min(pause * 2, LONGEST_PAUSE)
            raise asyncio.CancelledError  # somebody swallowed it: a revoked task never fences again
        finally:
            self.enter(TaskState.CLOSED)

    async def own(self) -> None:
        """Take over and work with one producer, until something breaks it or it has become doubtful.

        1. Fence: the predecessor can no longer commit.
        2. End the transactions that Kafka left open for ever, as they were ended elsewhere.
        3. Set a barrier behind what they committed.
        4. Restore memory from the log, up to the barrier.
        5. Work.
        """
        producer = Transactions(self._kafka, self._transactional_id, self._predecessors)
        try:
            self.enter(TaskState.FENCING)
            await producer.fence()  # 1.
            await self._end_hanging(producer)  # 2.
            barrier = await self._set_barrier(producer)  # 3.
            self.enter(TaskState.RESTORING)
            await self.restore(barrier)  # 4.
            await self.work(producer)  # 5.
            self._task_metrics.producer_rebuilt(self.partition, DOUBTFUL)
        finally:
            stuck = Transactions.stuck
            await producer.close()
            if Transactions.stuck > stuck:
                self._task_metrics.producer_stuck()

    async def _end_hanging(self, producer: Transactions) -> None:
        """End what predecessors left open for ever. Raises `CannotRun` where Kafka does not allow it."""
        try:
            await producer.end_hanging()
        except CannotEnd as hangs:
            raise CannotRun(str(hangs)) from hangs

    async def _set_barrier(self, producer: Transactions) -> Barrier:
        """Commit a barrier, and return where it stands. Raises `WriteFailed`."""
        record, at = self.barrier(os.urandom(TOKEN_BYTES)), (self._memory_topic, self.partition)
        offsets = await producer.write({at: [record]})
        return Barrier(*at, offset=offsets[at], value=record.value)

    async def _recover(self, error: Exception, pause: float, *, fenced: bool) -> None:
        """Log what happened and wait; after `fenced`, until the group says that the partition is still ours.

        Raises `CannotRun` where a right was taken away: whoever starts anew is shown which.
        """
        reason = type(error.__cause__ or error).__name__
        if isinstance(error.__cause__ or error, REFUSED):
            raise CannotRun(f"Kafka refuses what partition {self.partition} needs: {error}") from error
        _log.warning("producer_rebuilt", partition=self.partition, reason=reason, detail=str(error), pause=pause)
        self._task_metrics.producer_rebuilt(self.partition, reason)
        if not fenced:
            await asyncio.sleep(pause)
            return
        self._task_metrics.task_fenced(self.partition)
        await asyncio.sleep(max(self._pace.heartbeat, pause))
        while not self._member.owns(self.partition):  # noqa: ASYNC110  (the client offers nothing to wait for)
            await asyncio.sleep(self._pace.heartbeat)

    def enter(self, state: TaskState) -> None:
        """Enter a state."""
        self.state = state
        self._task_metrics.task_state(self.partition, state)
