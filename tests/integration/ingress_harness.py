"""An ingress at work in this process, with a spool and metrics of its own, and records that can be distinguished."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from headrace.config import Config, ReceiverSettings, SpoolSettings
from headrace.observe.health import ReceiverHealth
from headrace.observe.registry import Registry
from headrace.receiver.ingress import Ingress
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.topic_writer import Item
from headrace.records.raw import to_raw_record
from headrace.spool import NoRoom, Spool
from headrace_events import Via
from tests.fake_provider import FAKE, Row, raw_event
from tests.integration.pipeline import Pipeline, until

SOURCE: Final = "/things/t"


def item(number: int, size: int = 0) -> Item:
    """Make a raw record: all of one thing, so that their order can be checked; its number is its version."""
    return Item(SOURCE, to_raw_record(FAKE, raw_event(Row(7, number, "x" * size), via=Via.WEBHOOK)))


def other(number: int, size: int = 0) -> Item:
    """Make a raw record of a thing of its own."""
    return Item(SOURCE, to_raw_record(FAKE, raw_event(Row(1_000 + number, number, "x" * size), via=Via.WEBHOOK)))


class IngressHarness:
    """A running ingress: `registry` and `health` are what it tells of itself, `spool` is where records wait."""

    def __init__(self, pipeline: Pipeline, path: Path, **settings: Any) -> None:
        spool_settings = SpoolSettings(path=str(path), **settings)
        small = ReceiverSettings(max_body=32 * 1024)  # some tests make raw smaller than any real one
        self.config: Config = msgspec.structs.replace(pipeline.config, spool=spool_settings, receiver=small)
        self.pipeline = pipeline
        self.registry = Registry("test")
        self.metrics = ReceiverMetrics(self.registry, self.config.tenants)
        self.health = ReceiverHealth(time.monotonic)
        self.spool = Spool(path, spool_settings.max_bytes)
        self.ingress = Ingress(self.config, self.spool, self.metrics, self.health)
        self.ended = asyncio.create_task(self.ingress.run())
        self.acknowledged: list[int] = []

    async def keep(self, *items: Item) -> str:
        """Keep items in one call."""
        return await self.ingress.keep(items)

    async def load(self, first: int, pause: float = 0.005) -> None:
        """Keep one record after the other until cancelled; `acknowledged` has their numbers."""
        number = first
        while True:
            with contextlib.suppress(NoRoom):
                await self.keep(item(number))
                self.acknowledged.append(number)
            number += 1
            await asyncio.sleep(pause)

    async def is_direct(self) -> None:
        """Wait until Kafka answers and nothing waits."""

        def drained() -> bool:
            if self.ended.done():
                self.ended.result()
            return self.ingress.answers and not self.spool.facts().waiting

        await until(drained, "all is drained")
        await until(lambda: self.spool.facts().put == sum(self.fates().values()), "the books are made up")

    def fates(self) -> dict[str, int]:
        """Return what became of all that was ever put into the spool."""
        facts = self.spool.facts()
        return {"drained": facts.drained, "waiting": facts.waiting, "set aside": facts.set_aside}

    def total(self, name: str) -> int:
        """Sum up a counter over its labels."""
        return int(sum(self.registry.series(name).values.values()))

    async def stop(self) -> None:
        """Stop as SIGTERM does, and let go of the spool."""
        self.ended.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(self.ended, 30)
        self.spool.close()


@contextlib.asynccontextmanager
async def running_ingress(pipeline: Pipeline, path: Path, **settings: Any) -> AsyncIterator[IngressHarness]:
    """Run an ingress; whatever ended it before is raised."""
    running = IngressHarness(pipeline, path, **settings)
    try:
        yield running
        if running.ended.done():
            running.ended.result()
    finally:
        if running.ended.done():
            running.spool.close()
        else:
            await running.stop()


async def versions(pipeline: Pipeline) -> list[int]:
    """Return the versions of the one thing on raw, in their order, copies included."""
    found = [msgspec.json.decode(record.value or b"", type=Row) for record in await pipeline.records("raw")]
    return [row.v or 0 for row in found if row.id == 7]


def in_order(found: Sequence[int]) -> bool:
    """Return whether records stand in their order when each counts from its first copy on."""
    firsts = list(dict.fromkeys(found))
    return firsts == sorted(firsts)


def copies(found: Sequence[int]) -> int:
    """Count what stands there more than once."""
    return sum(count - 1 for count in Counter(found).values())
