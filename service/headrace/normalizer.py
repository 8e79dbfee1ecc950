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
from collections.abc import Callable
from typing import Final

import structlog

from headrace.commit import Decision, Limits
from headrace.config import Config
from headrace.kafka.admin import Topic
from headrace.kafka.log import KafkaError, Member
from headrace.kafka.task import CannotRun, Pace, Setup, State, Task
from headrace.kafka.topics import retention
from headrace.observe.health import Health
from headrace.observe.metrics import Metrics
from headrace.seen import Seen

COMMITS_AT_ONCE: Final = 2
"""Tasks that decide and commit at a time: more only hold transactions open for longer."""
DISPLAY_EVERY: Final = 5.0
HEALTH_EVERY: Final = 1.0
ASK_EVERY: Final = 5.0
LEAVE_DEADLINE: Final = 10.0
DEFAULT_PACE: Final = Pace()

_log = structlog.get_logger()


class Normalizer:
    """Owns the tasks of this process. The group assigns and revokes; a task that cannot run ends the process."""

    def __init__(
        self,
        config: Config,
        topics: dict[str, Topic],
        metrics: Metrics,
        health: Health,
        decided: Callable[[list[Decision]], None] = lambda _: None,
        pace: Pace = DEFAULT_PACE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.topics = topics
        self.metrics = metrics
        self.health = health
        self.decided = decided
        self.pace = pace
        self.clock = clock
        self.tasks: dict[int, Task] = {}
        self.memory: dict[int, Seen] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Work until cancelled. Raises `CannotRun` or `NewerFormat` with a sentence for the operator."""
        prefix = self.config.topic_prefix
        self._failed = asyncio.get_running_loop().create_future()
        member = Member(self.config.kafka, f"{prefix}normalizer", f"{prefix}raw", self._assigned, self._revoked)
        self._setup = Setup(
            kafka=self.config.kafka,
            prefix=prefix,
            tenants=self.config.tenants,
            metrics=self.metrics,
            member=member,
            commits=asyncio.Semaphore(COMMITS_AT_ONCE),
            limits=self._limits,
            pace=self.pace,
            clock=self.clock,
            decided=self.decided,
        )
        async with member:
            self.health.joined(member=True)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._display(member))
                    group.create_task(self._watch(member))
                    group.create_task(self._ask(member))
                    group.create_task(self._fail())
            finally:
                self.health.joined(member=False)
                await self._leave()

    async def _assigned(self, partitions: set[int]) -> None:
        _log.info("partitions_assigned", partitions=sorted(partitions))
        self.metrics.rebalanced(len(partitions))
        self.health.assigned(partitions)
        for partition in sorted(partitions):
            seen = self.memory.setdefault(partition, Seen())
            task = self.tasks[partition] = Task(self._setup, partition, seen)
            running = self._running[partition] = asyncio.create_task(task.run(), name=f"partition-{partition}")
            running.add_done_callback(self._ended)

    async def _revoked(self, partitions: set[int]) -> None:
        if partitions:
            _log.info("partitions_revoked", partitions=sorted(partitions))
        await self._leave()
        for partition in partitions:
            self.metrics.forget(partition)
        self.health.revoked()

    async def _leave(self) -> None:
        """End all tasks, under a deadline: eager rebalancing takes every partition away."""
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

    async def _display(self, member: Member) -> None:
        """Commit the group's offsets now and then, for other tools' lag displays: nothing here reads them."""
        while True:
            await asyncio.sleep(DISPLAY_EVERY)
            running = {p: t.seen.next_offset for p, t in self.tasks.items() if t.state is State.RUNNING}
            with contextlib.suppress(KafkaError, TimeoutError):
                if running:
                    await member.commit(running)

    async def _watch(self, member: Member) -> None:
        """Tell health what moved. Raises `CannotRun` where the group has lost us for good."""
        positions: dict[int, int] = {}
        while True:
            self.health.tick()
            try:
                member.check()
            except KafkaError as error:
                raise CannotRun(
                    f"the place in the group is lost ({error}): the process ends, start it again"
                ) from error
            for partition, task in self.tasks.items():
                position = task.seen.next_offset
                moved = positions.get(partition) != position
                end = member.end(partition)
                lag = max(0, end - position) if end is not None and task.state is State.RUNNING else 0
                self.health.progress(partition, task.state, lag, moved)
                positions[partition] = position
            await asyncio.sleep(HEALTH_EVERY)

    async def _ask(self, member: Member) -> None:
        """Tell health whether Kafka answers: while it does not, nothing that stands still is our fault."""
        while True:
            self.health.kafka(answers=await member.answers())
            await asyncio.sleep(ASK_EVERY)

    def _limits(self, partition: int) -> Limits:
        prefix = self.config.topic_prefix
        raw, seen = self.topics[f"{prefix}raw"], self.topics[f"{prefix}seen"]
        return Limits(
            topic=raw.name,
            partition=partition,
            event_bytes=int(self.topics[f"{prefix}events"].config["max.message.bytes"]),
            lifetime=retention(seen) // 1000,
            raw_lifetime=max(self.config.dedupe.window, retention(raw) // 1000),
        )
