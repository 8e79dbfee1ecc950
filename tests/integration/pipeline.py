"""One whole pipeline under one prefix: topics, a raw topic to append to, normalizers, and what came out of them.

`Pipeline` is what tests hold. Its provider is the fake one: a test chooses id, version and text of each row.
What must come out is computed from what stands on raw (`expected`), by a rule so short that it can be read.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from headrace import __version__
from headrace.config import Config, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Account, Tenants
from headrace.core.record import ProducerRecord
from headrace.kafka import topics
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import Consumer, Record, read
from headrace.kafka.partition_owner import Pace
from headrace.normalizer.commit import Decision
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.normalizer import Normalizer
from headrace.observe.health import Health
from headrace.observe.registry import Registry
from headrace.records.raw import place, to_raw_record
from headrace.records.seen import TOTALS, SeenRecord, decode_record, is_barrier
from headrace.sdk.provider import RawEvent
from tests.fake_provider import FAKE, Row, account, raw_event
from tests.integration.random_rows import expected, random_rows

PACE: Final = Pace()
DEADLINE: Final = 60.0
"""Seconds within which everything here must have happened; a machine that is busy with other tests is slow."""


async def until(
    happened: Callable[[], bool | Awaitable[bool]], what: str, *, deadline: float = DEADLINE, every: float = 0.05
) -> None:
    """Wait for a condition; raise TimeoutError that names it."""
    end = time.monotonic() + deadline
    while True:
        found = happened()
        if found if isinstance(found, bool) else await found:
            return
        if time.monotonic() > end:
            raise TimeoutError(f"within {deadline:.0f} s not: {what}")
        await asyncio.sleep(every)


class Running:
    """A normalizer at work in this process; `ended` is its end, which raises what ended it."""

    def __init__(self, normalizer: Normalizer) -> None:
        self.normalizer = normalizer
        self.ended = asyncio.create_task(normalizer.run())
        self._refused = False

    @property
    def position(self) -> int:
        """The sum of the positions of its tasks."""
        return sum(task.seen.next_offset for task in self.normalizer.tasks.values())

    @property
    def states(self) -> list[str]:
        """The states of its tasks."""
        return [str(task.state) for task in self.normalizer.tasks.values()]

    @property
    def rebuilt(self) -> Counter[str]:
        """How often producers were discarded, by reason."""
        found: Counter[str] = Counter()
        for (_, _, reason), count in self.normalizer.metrics.registry.series(
            "headrace_producers_rebuilt_total"
        ).values.items():
            found[reason] += int(count)
        return found

    async def runs(self, tasks: int | None = None) -> None:
        """Wait until all its tasks run, and there are `tasks` of them where that is asked."""

        def running() -> bool:
            if self.ended.done():
                self.ended.result()
            states = self.states
            return bool(states) and set(states) == {"running"} and tasks in (None, len(states))

        await until(running, f"{tasks or 'all'} tasks run")

    async def refuses(self, kind: type[Exception]) -> str:
        """Wait until it ends with this error; return its sentence."""
        done, _ = await asyncio.wait([self.ended], timeout=DEADLINE)
        assert done, "it goes on"
        self._refused = True
        error: BaseException | None = self.ended.exception()
        while isinstance(error, ExceptionGroup):
            (error,) = error.exceptions
        assert isinstance(error, kind), repr(error)
        return str(error)

    async def stop(self, deadline: float = DEADLINE) -> None:
        """Stop it as SIGTERM does; raise what ended it before, unless the test asked for that."""
        if self._refused or self.ended.cancelled():
            return
        self.ended.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(deadline):
                await self.ended


class Pipeline:
    """One pipeline: `config` names its prefix, broker and tenants."""

    def __init__(self, config: Config, partitions: int) -> None:
        self.live = LiveConfig(config)
        self.partitions = partitions
        self.topics: dict[str, Topic] = {}

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.live.config

    @config.setter
    def config(self, config: Config) -> None:
        """Begin with another one: what runs keeps the one before."""
        self.live = LiveConfig(config)

    def topic(self, name: str) -> str:
        """Return a topic's full name."""
        return self.config.topic_prefix + name

    def through(self, servers: str) -> "Pipeline":
        """Return the same pipeline as seen through other servers (a proxy)."""
        kafka = msgspec.structs.replace(self.config.kafka, bootstrap_servers=servers)
        pipeline = Pipeline(msgspec.structs.replace(self.config, kafka=kafka), self.partitions)
        pipeline.topics = self.topics
        return pipeline

    async def append(self, rows: Iterable[Row | bytes], tenant: str = "t") -> None:
        """Append rows, or bytes as they are, to raw, in order."""
        await self.append_raw(raw_event(row, tenant) for row in rows)

    async def append_raw(self, raws: Iterable[RawEvent], *, redriven: bool = False) -> None:
        """Append raw events as records of raw, in order."""
        async with Appender(self.config.kafka) as appender:
            left = iter(raws)
            while outs := [to_raw_record(FAKE, raw, redriven=redriven) for raw in islice(left, 200)]:
                await asyncio.gather(*(self._append(appender, out) for out in outs))

    @contextlib.asynccontextmanager
    async def under_load(self, seed: int) -> AsyncIterator[Counter[str]]:
        """Append a random story while the body runs, and whatever the broker does; `rows` counts what it took."""
        done: Counter[str] = Counter()
        feeding = asyncio.create_task(self._feed(random_rows(seed), done))
        try:
            yield done
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding

    async def _feed(self, rows: Iterator[Row | bytes], done: Counter[str]) -> None:
        async with Appender(self.config.kafka) as appender:
            while outs := [to_raw_record(FAKE, raw_event(row)) for row in islice(rows, 50)]:
                while True:  # what may or may not have been appended is appended again, as every sender does
                    try:
                        await asyncio.gather(*(self._append(appender, out) for out in outs))
                        break
                    except (KafkaError, TimeoutError):
                        await asyncio.sleep(0.1)
                done["rows"] += len(outs)
                await asyncio.sleep(0.02)  # the load is there to be there, not to take the cores

    async def _append(self, appender: Appender, out: ProducerRecord) -> None:
        await appender.append(self.topic("raw"), place(out.key, self.partitions), out)

    def normalizer(
        self, pace: Pace = PACE, clock: Callable[[], float] = time.time, decided: list[Decision] | None = None
    ) -> Normalizer:
        """Make a normalizer, not running yet."""
        return Normalizer(
            self.live,
            self.topics,
            metrics=NormalizerMetrics(Registry(__version__), self.config.tenants),
            health=Health(time.monotonic),
            decided=decided.extend if decided is not None else lambda _: None,
            pace=pace,
            clock=clock,
        )

    @contextlib.asynccontextmanager
    async def running(self, **how: Any) -> AsyncIterator[Running]:
        """Run a normalizer; at the end it is stopped, and what ended it before is raised."""
        running = Running(self.normalizer(**how))
        try:
            yield running
        finally:
            await running.stop()

    async def settled(self, *running: Running, deadline: float = DEADLINE) -> None:
        """Wait until every record of raw has its fate, as the committed records of seen tell."""
        positions: dict[int, int] = {}

        async def all_decided() -> bool:
            for one in running:
                if one.ended.done():
                    one.ended.result()
            ends = await self.raw_ends()
            positions.update({p: last.next_offset for p, last in (await self.ledger()).items()})
            return positions == ends

        await until(all_decided, "every raw record has its fate", deadline=deadline, every=0.2)

    async def raw_ends(self) -> dict[int, int]:
        """Return the end of each raw partition."""
        async with Consumer(self.config.kafka) as log:
            return {p: (await log.bounds(self.topic("raw"), p))[1] for p in range(self.partitions)}

    async def ledger(self) -> dict[int, SeenRecord]:
        """Return the last committed seen record of each partition."""
        async with Consumer(self.config.kafka) as log:
            return {p: await _last(log, self.topic("seen"), p) for p in range(self.partitions)}

    async def totals(self) -> dict[str, int]:
        """Sum up the totals of all partitions; each must add up to its position."""
        summed: Counter[str] = Counter()
        for partition, last in (await self.ledger()).items():
            assert sum(last.totals) == last.next_offset, (
                f"partition {partition}: {last.totals} is not {last.next_offset}"
            )
            summed.update(dict(zip(TOTALS, last.totals, strict=True)))
        return {fate: count for fate, count in summed.items() if count}

    async def records(self, name: str) -> list[Record]:
        """Return the committed records of a topic, in the order of each partition."""
        async with asyncio.timeout(DEADLINE):
            return [record async for record in read(self.config.kafka, self.topic(name))]

    async def published(self) -> list[str]:
        """Return the ids of the committed events, in the order of each partition."""
        return [_header(record, "ce_id") for record in await self.records("events")]

    async def holds_its_promises(self) -> dict[str, int]:
        """Assert that what came out is what raw asks for, once; return the totals."""
        wanted = expected(await self.records("raw"))
        found = await self.published()
        doubled = {name: count for name, count in Counter(found).items() if count > 1}
        assert not doubled, f"doubled: {doubled}"
        assert sorted(wanted - set(found)) == [], "lost"
        assert sorted(set(found) - wanted) == [], "invented"
        last: dict[str, int] = {}
        for name in found:
            _, key, version = name.split("/")
            assert int(version) > last.get(key, 0), f"{name} came after version {last[key]}"
            last[key] = int(version)
        totals = await self.totals()
        assert totals["published"] == len(found)
        return totals


async def make_pipeline(
    servers: str, prefix: str, *, partitions: int = 2, accounts: Sequence[Account] = (), **kafka: Any
) -> Pipeline:
    """Create the topics of a line; without `accounts` there is one tenant `t`."""
    tenants = Tenants(list(accounts) or [account()])
    config = Config(topic_prefix=prefix, kafka=KafkaSettings(bootstrap_servers=servers, **kafka), tenants=tenants)
    pipeline = Pipeline(config, partitions)
    async with asyncio.timeout(DEADLINE):
        await topics.apply(config, "dev", partitions)
        pipeline.topics = await topics.verify(config)
    return pipeline


async def _last(log: Consumer, topic: str, partition: int) -> SeenRecord:
    """Find the last committed seen record, from the end backwards."""
    first, end = await log.bounds(topic, partition)
    back = 8
    while True:
        at = max(first, end - back)
        log.seek(topic, partition, at)
        found: SeenRecord | None = None
        while at < end:
            records, at = await log.next(topic, partition)
            for value in (record.value or b"" for record in records):
                found = found if is_barrier(value) else decode_record(value)
        if found is not None:
            return found
        assert end - back > first, f"{topic}-{partition} holds no committed record"
        back *= 8


def _header(record: Record, name: str) -> str:
    found: bytes = next(value for key, value in record.headers if key == name)
    return found.decode()
