"""The poller: what feeds bring goes to raw, then the cursor that covers it is stored.

Guarantees
- A cursor never covers what is not durable in raw: a crash anywhere costs a page read twice, which the normalizer
  removes, and loses nothing.
- One tenant is polled by one poller, within one budget that a restart does not refill, and only the one who polls it
  mints its tokens. Whoever was replaced can store nothing, and makes no call for longer than a lease of ten seconds.
- One broken tenant, feed or lead never stops the others.
- Not promised: freshness. A nudge that gets lost, or a lead that no feed and no event names, is found by the sweep.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from headrace.config import Config
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError
from headrace.kafka.group import ConsumerGroup, Health
from headrace.kafka.group_member import Member
from headrace.kafka.partition_owner import Pace
from headrace.poller.context import Shared
from headrace.poller.http_client import session
from headrace.poller.lead_discovery import EventSearch
from headrace.poller.metrics_protocol import Metrics
from headrace.poller.nudge_reader import NudgeReader
from headrace.poller.partition import PartitionPoller
from headrace.poller.state import PartitionState
from headrace.sdk.provider import Nudge

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
DEFAULT_PACE: Final = Pace()

_log = structlog.get_logger()


class Poller:
    """The poller of one process, with verified `topics`."""

    def __init__(
        self,
        config: Config,
        topics: dict[str, Topic],
        metrics: Metrics,
        health: Health,
        pace: Pace = DEFAULT_PACE,
        now: Callable[[], float] = time.time,
    ) -> None:
        prefix, kafka = config.topic_prefix, config.kafka
        self.memory: Final[dict[int, PartitionState]] = {}
        self.group: Final = ConsumerGroup(kafka, f"{prefix}poller", f"{prefix}cursors", self._task, metrics, health)
        self._nudging: Final = NudgeReader(kafka, f"{prefix}nudges", self._heard)
        self._naming: Final = EventSearch(kafka, f"{prefix}events", self._searched_from, self._named, self._passed)
        self._config: Final = config
        self._topics: Final = topics
        self._metrics: Final = metrics
        self._pace: Final = pace
        self._now: Final = now
        self._shared: Shared | None = None

    @property
    def tasks(self) -> Mapping[int, PartitionPoller]:
        """The tasks of this process, by partition of `cursors`."""
        return self.group.tasks

    async def run(self) -> None:
        """Work until cancelled. Raises `CannotRun` or `NewerFormat` with a sentence for the operator."""
        async with contextlib.AsyncExitStack() as stack:
            opened = await stack.enter_async_context(session())
            appender = await self._connected(stack)
            self._shared = Shared(
                config=self._config,
                topics=self._topics,
                metrics=self._metrics,
                session=opened,
                appender=appender,
                recent=self._nudging.recent,
                now=self._now,
            )
            await self.group.run(self._hear, self._search)

    async def _connected(self, stack: contextlib.AsyncExitStack) -> Appender:
        """Connect what appends to raw, however long Kafka is away."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await stack.enter_async_context(Appender(self._config.kafka))
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("kafka_awaited", reason=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _task(self, member: Member, partition: int) -> PartitionPoller:
        if self._shared is None:
            raise RuntimeError("run() joins the group")
        memory = self.memory.setdefault(partition, PartitionState())
        return PartitionPoller(self._shared, member, partition, memory, self._pace, self._naming.anew)

    async def _hear(self, _: Member) -> None:
        await self._nudging.run()

    async def _search(self, _: Member) -> None:
        await self._naming.run()

    def _heard(self, source: str, nudge: Nudge, at: int) -> None:
        for task in self.tasks.values():
            task.nudged(source, nudge, at)

    def _named(self, source: str, lead: str) -> None:
        for task in self.tasks.values():
            task.named(source, lead)

    def _passed(self, partition: int, offset: int) -> None:
        for task in self.tasks.values():
            if task.wants_leads and task.finding is not None:
                task.finding.read(partition, offset)

    def _searched_from(self) -> Mapping[int, int] | None:
        """Give where the search for leads goes on: at the least of what the tasks that want leads have reached."""
        reached = [task.memory.reads for task in self.tasks.values() if task.wants_leads]
        if not reached:
            return None
        known = set.intersection(*(set(reads) for reads in reached))
        return {partition: min(reads[partition] for reads in reached) for partition in known}
