"""The consumer group that spreads the partitions of a topic over processes: each one assigned becomes a task.

Revocation is cancellation: its successor finds in the log what a task leaves unfinished.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Final, Generic, TypeVar

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError, refusal
from headrace.kafka.group_member import Member
from headrace.kafka.partition_owner import CannotRun, PartitionOwner
from headrace.kafka.wait_for_kafka import when_kafka_answers
from headrace.observe.health import Health
from headrace.observe.tasks import TaskMetrics

HEALTH_EVERY: Final = 1.0
ASK_EVERY: Final = 5.0
"""Seconds between looks at the tasks, and at Kafka."""
LEAVE_DEADLINE: Final = 10.0
"""Seconds in which revoked tasks must end."""

_log = structlog.get_logger()


T = TypeVar("T", bound=PartitionOwner)


class ConsumerGroup(Generic[T]):
    """Owns the tasks of this process. The group assigns and revokes; a task that cannot run ends the process.

    `member` is our place in it, None before the first attempt to join.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        name: str,
        topic: str,
        make: Callable[[Member, int], T],
        *,
        metrics: TaskMetrics,
        health: Health,
    ) -> None:
        self.tasks: Final[dict[int, T]] = {}
        self._kafka: Final = kafka
        self._name: Final = name
        self._topic: Final = topic
        self._make: Final = make
        self._metrics: Final = metrics
        self._health: Final = health
        self._running: Final[dict[int, asyncio.Task[None]]] = {}
        self._failed: asyncio.Future[None] | None = None
        self._leaving = False
        self.member: Member | None = None

    async def run(self, *beside: Callable[[Member], Coroutine[None, None, None]]) -> None:
        """Work until cancelled, with others beside it. Raises `CannotRun` or `NewerFormat` for the operator."""
        self._failed, self._leaving = asyncio.get_running_loop().create_future(), False
        async with contextlib.AsyncExitStack() as stack:
            try:
                member = await self._join(stack)
                self._health.joined(member=True)
                async with asyncio.TaskGroup() as group:
                    for other in (self._watch, self._ask, *beside):
                        group.create_task(other(member))
                    group.create_task(self._fail())
            finally:
                self._leaving = True
                self._health.joined(member=False)
                await self._leave()

    async def _join(self, stack: contextlib.AsyncExitStack) -> Member:
        """Join the group, however long Kafka is away in between; `stack` leaves it."""

        async def attempt() -> Member:
            # Known before it joins: partitions may be assigned at once.
            self.member = Member(self._kafka, self._name, self._topic, assigned=self._assigned, revoked=self._revoked)
            return await stack.enter_async_context(self.member)

        return await when_kafka_answers(self._kafka, attempt)

    async def _assigned(self, partitions: set[int]) -> None:
        if self.member is None or self._leaving:  # a rebalance may end while the client leaves
            return
        _log.info("partitions_assigned", topic=self._topic, partitions=sorted(partitions))
        self._metrics.rebalanced(len(partitions))
        self._health.assigned(partitions)
        for partition in sorted(partitions):
            task = self.tasks[partition] = self._make(self.member, partition)
            running = self._running[partition] = asyncio.create_task(task.run(), name=f"{self._topic}-{partition}")
            running.add_done_callback(self._ended)

    async def _revoked(self, partitions: set[int]) -> None:
        if partitions:
            _log.info("partitions_revoked", topic=self._topic, partitions=sorted(partitions))
        await self._leave()
        for partition in partitions:
            self._metrics.forget(partition)
        self._health.revoked()

    async def _leave(self) -> None:
        """End all tasks, under a deadline: eager rebalancing takes every partition away.

        aiokafka knows no other: https://github.com/aio-libs/aiokafka/issues/1126
        """
        running = [task for task in self._running.values() if not task.done()]
        self._running.clear()
        self.tasks.clear()
        for task in running:
            task.cancel()
        if running:
            _, late = await asyncio.wait(running, timeout=LEAVE_DEADLINE)
            if late:
                _log.error("tasks_left_behind", tasks=[task.get_name() for task in late])

    def _ended(self, running: asyncio.Task[None]) -> None:
        """Let an error that no task can mend end the process."""
        if not running.cancelled() and (error := running.exception()) and self._failed and not self._failed.done():
            self._failed.set_exception(error)

    async def _fail(self) -> None:
        if self._failed is not None:
            await self._failed

    async def _watch(self, member: Member) -> None:
        """Report to health what moved. Raises `CannotRun` where the group has lost us for good."""
        reached: dict[int, object] = {}
        written: dict[int, object] = {}
        while True:
            self._health.tick()
            try:
                member.check()
            except KafkaError as error:
                raise CannotRun(
                    f"the place in the group is lost ({error}): the process ends, start it again"
                ) from error
            for partition, task in self.tasks.items():
                if written.get(partition, task.written()) != task.written():  # an answer, whatever `_ask` waits for
                    self._health.kafka(answers=True)
                self._health.progress(partition, task.state, task.lag(), reached.get(partition) != task.progress())
                reached[partition], written[partition] = task.progress(), task.written()
            await asyncio.sleep(HEALTH_EVERY)

    async def _ask(self, member: Member) -> None:
        """Report to health whether Kafka answers: while it does not, a standstill is no fault of ours."""
        answered = True
        while True:
            answers = await member.answers()
            self._health.kafka(answers=answers)
            if answers != answered:
                if answers:
                    _log.info("kafka_answers", role=self._metrics.role)
                else:
                    _log.warning("kafka_away", role=self._metrics.role, reason=refusal() or "no answer in time")
            answered = answers
            await asyncio.sleep(ASK_EVERY)
