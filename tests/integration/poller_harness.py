"""A pipeline whose raw events are polled: pollers at work in this process, and what they left on Kafka."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from headrace.config import Config
from headrace.config.tenants import Account
from headrace.kafka.partition_owner import Pace, TaskState
from headrace.observe.health import Health
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.poller.poller import Poller
from headrace.poller.state import TenantState, read_all
from headrace.records.raw import from_raw_record
from tests.fake_provider import decode_row
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until

BRISK: Final = Pace(heartbeat=0.2)


class RunningPoller:
    """A poller at work; `ended` is its end."""

    def __init__(self, pipeline: Pipeline, pace: Pace) -> None:
        self._registry: Final = Registry("1.2.3")
        metrics = PollerMetrics(self._registry, pipeline.config.tenants)
        pipeline.live.follow(lambda config: metrics.know(config.tenants))
        metrics.spread(pipeline.topics[pipeline.topic("cursors")].partitions)
        health = Health(time.monotonic, role="poller")
        self.poller = Poller(pipeline.live, pipeline.topics, metrics, health, pace)
        self.ended = asyncio.create_task(self.poller.run())

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over all label sets that have these labels."""
        families = text_string_to_metric_families(self._registry.render().decode())
        samples = (sample for family in families for sample in family.samples if sample.name == f"headrace_{name}")
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    async def runs(self, tasks: int | None = None) -> None:
        """Wait until all its tasks run, and there are `tasks` of them where that is asked."""

        def running() -> bool:
            if self.ended.done():
                self.ended.result()
            states = [task.state for task in self.poller.partitions.values()]
            return bool(states) and set(states) == {TaskState.RUNNING} and tasks in (None, len(states))

        await until(running, f"{tasks or 'all'} tasks run")

    async def stop(self) -> None:
        """Stop it as SIGTERM does; raise what ended it before."""
        self.ended.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(DEADLINE):
                await self.ended


class PolledPipeline(Pipeline):
    """A pipeline with pollers, and what was polled into it."""

    def __init__(self, config: Config, partitions: int) -> None:
        super().__init__(config, partitions)
        self._working: set[RunningPoller] = set()

    @contextlib.asynccontextmanager
    async def poller(self, pace: Pace = BRISK) -> AsyncIterator[RunningPoller]:
        """Run a poller."""
        working = RunningPoller(self, pace)
        self._working.add(working)
        try:
            yield working
        finally:
            self._working.discard(working)
            await working.stop()

    async def comes(self, happened: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for a condition; raise what ended a poller before it came."""

        async def happens() -> bool:
            for working in self._working:
                if working.ended.done() and not working.ended.cancelled():
                    working.ended.result()
            return await happened()

        await until(happens, what, every=0.2)

    async def ids(self, tenant: str = "t") -> list[int]:
        """Return the ids of the raw events of a tenant, copies included."""
        raw = await self.records("raw")
        mine = (record.value or b"" for record in raw if from_raw_record(record.headers, record.value).tenant == tenant)
        return [int(decode_row(value).id) for value in mine]

    async def brought(self, ids: Sequence[int], tenant: str = "t") -> None:
        """Wait until all these ids are in raw."""

        async def there() -> bool:
            return set(ids) <= set(await self.ids(tenant))

        await self.comes(there, f"{len(ids)} ids of {tenant} are in raw")

    async def remembered(self, tenant: str = "t") -> TenantState:
        """Return what is remembered of a tenant."""
        return await self.remembered_of(f"/things/{tenant}")

    async def remembered_of(self, source: str) -> TenantState:
        """Return what is remembered of a tenant of any provider."""
        return (await read_all(self.config)).of(source)

    async def cursor(self, feed: str = "rows", lead: str = "", tenant: str = "t") -> int:
        """Return the cursor of a feed, 0 where there is none."""
        position = (await self.remembered(tenant)).positions.get((feed, lead))
        return int(position.value) if position else 0

    async def covered(self, upto: int, feed: str = "rows", lead: str = "", tenant: str = "t") -> None:
        """Wait until a cursor has got so far."""

        async def there() -> bool:
            return await self.cursor(feed, lead, tenant) >= upto

        await self.comes(there, f"the cursor of {feed} {lead} covers {upto}")


async def make_polled(servers: str, prefix: str, *accounts: Account, partitions: int = 2) -> PolledPipeline:
    """Create the topics of a pipeline for polled tenants."""
    made = await make_pipeline(servers, prefix, partitions=partitions, accounts=accounts)
    polled = PolledPipeline(made.config, made.partitions)
    polled.topics = made.topics
    return polled
