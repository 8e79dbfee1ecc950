"""Own one partition: fence, restore, work, and leave without a trace.

```
CREATED --> FENCING --> RESTORING --> RUNNING --> CLOSED        cancellation leads to CLOSED from anywhere
               ^            |            |
               +------------+------------+   any error inside a transaction: close the producer, begin again
```

The order of a take-over is part of correctness. Fence first: from then on the predecessor cannot commit, so what is
restored is all there is.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from enum import StrEnum
from typing import Final, Protocol

import structlog
from msgspec import Struct

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.group_member import Member
from headrace.kafka.hanging_transactions import CannotEnd
from headrace.kafka.producer import Fenced, Transactions, WriteFailed

SHORTEST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""Seconds: when Kafka comes back, nobody should wait for us much longer than for Kafka."""
DAY_SECONDS: Final = 86_400.0

_log = structlog.get_logger()


class TaskState(StrEnum):
    """Where a task is in its life."""

    CREATED = "created"
    FENCING = "fencing"
    RESTORING = "restoring"
    RUNNING = "running"
    CLOSED = "closed"


class CannotRun(Exception):  # noqa: N818  (a sentence for the operator)
    """What stands in Kafka makes it impossible to keep the promises: the process ends with this sentence."""


class Pace(Struct, frozen=True):
    """Seconds: between looks at the group, without progress in a restore, until a quiet position is written again."""

    heartbeat: float = 3.0
    restore: float = 60.0
    rewrite: float = DAY_SECONDS


class Told(Protocol):
    """The metrics of a task."""

    def task_state(self, partition: int, state: str) -> None:
        """Note that a task entered a state."""

    def task_fenced(self, partition: int) -> None:
        """Count a task that found another producer in its place."""

    def producer_rebuilt(self, partition: int, reason: str) -> None:
        """Count a producer that was discarded for a new one."""

    def producer_stuck(self) -> None:
        """Count a producer that could not be stopped in time."""


class PartitionOwner(ABC):
    """The one who may write what belongs to a partition, under the transactional id `<name>-<partition>`.

    `topics` are those that it writes to in transactions.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        name: str,
        partition: int,
        topics: Sequence[str],
        member: Member,
        metrics: Told,
        pace: Pace,
    ) -> None:
        self.partition: Final = partition
        self.state = TaskState.CREATED
        self._kafka: Final = kafka
        self._name: Final = name
        self._topics: Final = topics
        self._member: Final = member
        self._told: Final = metrics
        self._pace: Final = pace

    @abstractmethod
    async def restore(self) -> None:
        """Bring memory to where the log ends. Raises `CannotRun`, `NewerFormat`."""

    @abstractmethod
    async def work(self, producer: Transactions) -> None:
        """Enter RUNNING, and work until `producer` is doubtful. Raises `WriteFailed`."""

    @abstractmethod
    def progress(self) -> object:
        """Give what differs when there was progress: then errors do not add up."""

    async def run(self) -> None:
        """Take over and work until cancelled. Raises `CannotRun`, `NewerFormat`."""
        pause = SHORTEST_PAUSE
        try:
            while True:
                reached = self.progress()
                try:
                    await self.own()
                except (WriteFailed, KafkaError, TimeoutError, ConnectionError) as error:
                    fenced = isinstance(error, Fenced) or (isinstance(error, WriteFailed) and error.fenced)
                    await self._recover(error, pause, fenced=fenced)
                pause = SHORTEST_PAUSE if reached != self.progress() else min(pause * 2, LONGEST_PAUSE)
        finally:
            self.enter(TaskState.CLOSED)

    async def own(self) -> None:
        """Fence, restore, work with one producer, until something breaks it or it has become doubtful."""
        producer = Transactions(self._kafka, f"{self._name}-{self.partition}")
        try:
            self.enter(TaskState.FENCING)
            await producer.fence()
            await self._end_hanging(producer)
            self.enter(TaskState.RESTORING)
            await self.restore()
            await self.work(producer)
            self._told.producer_rebuilt(self.partition, "doubtful")
        finally:
            stuck = Transactions.stuck
            await producer.close()
            if Transactions.stuck > stuck:
                self._told.producer_stuck()

    async def _end_hanging(self, producer: Transactions) -> None:
        """End what predecessors left open for ever. Raises `CannotRun` where Kafka does not allow it."""
        try:
            await producer.end_hanging(self._topics)
        except CannotEnd as hangs:
            raise CannotRun(str(hangs)) from hangs

    async def _recover(self, error: Exception, pause: float, *, fenced: bool) -> None:
        """Say what happened and wait; after `fenced`, until the group says that the partition is still ours."""
        reason = type(error.__cause__ or error).__name__
        _log.warning("producer_rebuilt", partition=self.partition, reason=reason, detail=str(error), pause=pause)
        self._told.producer_rebuilt(self.partition, reason)
        if not fenced:
            await asyncio.sleep(pause)
            return
        self._told.task_fenced(self.partition)
        await asyncio.sleep(max(self._pace.heartbeat, pause))
        while not self._member.owns(self.partition):  # noqa: ASYNC110  (the client offers nothing to wait for)
            await asyncio.sleep(self._pace.heartbeat)

    def enter(self, state: TaskState) -> None:
        """Enter a state."""
        self.state = state
        self._told.task_state(self.partition, state)


async def written(kafka: KafkaSettings, topic: str, partition: int) -> tuple[int, int]:
    """Give the first offset of a partition and where it ends, open transactions included.

    Sampled after the fence, what is written is below that end.
    """
    async with Consumer(kafka, committed=False) as log:
        return await log.bounds(topic, partition)


async def read_on(
    kafka: KafkaSettings, topic: str, partition: int, at: int, end: int, give_up: float
) -> AsyncGenerator[tuple[list[Record], int]]:
    """Give what a partition holds from `at` to `end`, group by group, each with the position behind it.

    Raises `CannotRun` where nothing can be read for `give_up` seconds.
    """
    moved_at = time.monotonic()
    async with Consumer(kafka) as log:
        log.seek(topic, partition, at)
        while at < end:
            records, position = await log.next(topic, partition)
            yield records, position
            if position > at:
                at, moved_at = position, time.monotonic()
            elif time.monotonic() - moved_at > give_up:
                raise CannotRun(
                    f"{topic}-{partition} cannot be read to its end ({at} of {end}): somebody holds an open "
                    f"transaction on it; find it with `kafka-transactions.sh find-hanging`, abort it, start again"
                )
