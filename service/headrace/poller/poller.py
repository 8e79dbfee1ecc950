"""The poller: what feeds bring goes to raw, then the cursor that covers it is stored.

Guarantees
- A cursor never covers what is not durable in raw: a crash anywhere costs a page read twice, which the normalizer
  removes, and loses nothing.
- One tenant is polled by one poller, within one budget that a restart does not refill, and only the one who polls it
  mints its tokens. Whoever was replaced can store nothing, and makes no call for longer than a lease of ten seconds.
- One broken tenant, feed or lead never stops the others.
- What a webhook told and left to a feed is brought, or goes to raw again as told; no nudge is skipped, however long no
  poller ran.
- Not promised: freshness. A lead that no feed and no event names is found by the sweep.
"""

import contextlib
from collections.abc import Mapping
from typing import Final

import aiohttp

from headrace.config.live import LiveConfig
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.group import ConsumerGroup
from headrace.kafka.group_member import Member
from headrace.kafka.partition_owner import Pace
from headrace.kafka.wait_for_kafka import when_kafka_answers
from headrace.observe.health import Health
from headrace.poller.http_client import open_session
from headrace.poller.lead_discovery import lead_of
from headrace.poller.metrics import PollerMetrics
from headrace.poller.nudge_inbox import nudge_of
from headrace.poller.partition import PartitionPoller
from headrace.poller.shared_reader import SharedReader
from headrace.poller.state import PartitionState

DEFAULT_PACE: Final = Pace()


class Poller:
    """The poller of one process, with verified `topics`."""

    def __init__(
        self,
        live: LiveConfig,
        topics: dict[str, Topic],
        metrics: PollerMetrics,
        health: Health,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        config = live.config
        prefix, kafka = config.topic_prefix, config.kafka
        self.group: Final = ConsumerGroup(
            kafka, f"{prefix}poller", f"{prefix}cursors", self._partition, metrics=metrics, health=health
        )
        self._live: Final = live
        self._topics: Final = topics
        self._metrics: Final = metrics
        self._pace: Final = pace
        self._remembered: Final[dict[int, PartitionState]] = {}
        self._nudges: Final = SharedReader(kafka, f"{prefix}nudges", nudge_of)
        self._events: Final = SharedReader(kafka, f"{prefix}events", lead_of)
        metrics.follow({"nudges": lambda: self._nudges.unread_seconds, "events": lambda: self._events.unread_seconds})
        self._session: aiohttp.ClientSession | None = None
        self._appender: Appender | None = None

    @property
    def partitions(self) -> Mapping[int, PartitionPoller]:
        """What this process owns, by partition of `cursors`."""
        return self.group.tasks

    async def run(self) -> None:
        """Work until cancelled. Raises `CannotRun` or `NewerFormat` with a sentence for the operator."""
        kafka = self._live.config.kafka
        async with contextlib.AsyncExitStack() as stack:
            self._session = await stack.enter_async_context(open_session())
            self._appender = await when_kafka_answers(kafka, lambda: stack.enter_async_context(Appender(kafka)))
            await self.group.run(self._read_nudges, self._search_events)

    def _partition(self, member: Member, partition: int) -> PartitionPoller:
        """Return what polls a partition that was assigned."""
        if self._session is None or self._appender is None:
            raise RuntimeError("run() joins the group")
        return PartitionPoller(
            self._live,
            member,
            partition,
            topics=self._topics,
            remembered=self._remembered.setdefault(partition, PartitionState()),
            session=self._session,
            appender=self._appender,
            nudges=self._nudges,
            events=self._events,
            metrics=self._metrics,
            pace=self._pace,
        )

    async def _read_nudges(self, _: Member) -> None:
        await self._nudges.run()

    async def _search_events(self, _: Member) -> None:
        await self._events.run()
