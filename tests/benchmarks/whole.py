"""The whole path on a real broker, exactly once: the normalizer against a loop stripped to the least work.

Each contender runs in a process of its own over the same raw records; the two take turns.
"""

import asyncio
import base64
import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.kafka import topics
from headrace.records.raw import place
from tests.benchmarks import load
from tests.benchmarks.baseline import SKIPPED
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, flat, judged
from tests.benchmarks.worker import Job, Result

TARGET: Final = 50_000
SHARE: Final = 0.6
WORKER: Final = (sys.executable, "-m", "tests.benchmarks.worker")
APPENDED_TOGETHER: Final = 100
"""Records of one batch of raw: a page of a feed, or what webhooks bring within some milliseconds."""


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Compare the normalizer with its target and with the stripped loop."""
    ours: list[Result] = []
    stripped: list[Result] = []
    for number in range(sizes.rounds):
        stage = Stage(servers, sizes.whole_partitions)
        asyncio.run(stage.fill(load.mixed(sizes.whole, seed=number)))
        ours.append(stage.run("ours"))
        stripped.append(stage.run("stripped"))
    speed, limit = (median(result.records / result.cpu for result in results) for results in (ours, stripped))
    clock, clock_limit = (median(result.records / result.wall for result in results) for results in (ours, stripped))
    yield judged("normalizer, exactly once", speed, TARGET, "events/CPU s", least=1)
    yield judged("  beside the stripped loop", speed, limit, "events/CPU s", least=SHARE)
    yield Row("  by the clock", f"{clock:,.0f} events/s", f"{clock_limit:,.0f} events/s", f"{clock / clock_limit:.2f}")


def spread_rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Compare the cost of an event on one partition with that on many."""
    costs: dict[int, list[float]] = {1: [], sizes.spread_partitions: []}
    for number in range(min(sizes.rounds, 3)):
        for partitions, cost in costs.items():
            stage = Stage(servers, partitions)
            asyncio.run(stage.fill(load.mixed(sizes.spread, seed=number)))
            result = stage.run("ours")
            cost.append(result.cpu * 1e6 / result.records)
    one, many = (median(cost) for cost in costs.values())
    yield flat(f"cost of an event, {sizes.spread_partitions} partitions against 1", one, many, "µs")


class Stage:
    """The raw records of one comparison, appended once; each contender writes to topics of its own."""

    def __init__(self, servers: str, partitions: int) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=servers)
        self.partitions = partitions
        self.prefix = f"b{secrets.token_hex(4)}."
        self._plan: dict[int, bytearray] = defaultdict(bytearray)

    @property
    def count(self) -> int:
        """Records of raw."""
        return sum(map(len, self._plan.values()))

    def run(self, contender: str) -> Result:
        """Run one contender over all records, in a process of its own. The normalizer can run only once."""
        done = subprocess.run(WORKER, input=self.job(contender), stdout=subprocess.PIPE, check=True)
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Result)

    def job(self, contender: str) -> bytes:
        """Return what `WORKER` reads, with the topics that it needs there."""
        target = self.prefix
        if contender == "stripped":
            target = f"{self.prefix}stripped."
            asyncio.run(self._create(target))
        plan = {partition: base64.b64encode(kinds).decode() for partition, kinds in self._plan.items()}
        job = Job(
            contender=contender,
            servers=self.kafka.bootstrap_servers,
            prefix=self.prefix,
            target=target,
            count=self.count,
            plan=plan,
        )
        return msgspec.json.encode(job)

    async def fill(self, outs: Iterable[tuple[int | None, ProducerRecord]]) -> None:
        """Create the topics and append the records, each with the number of its kind (None: it came before)."""
        await self._create(self.prefix)
        waiting: dict[int, list[ProducerRecord]] = defaultdict(list)
        producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka.bootstrap_servers,
            compression_type=self.kafka.codec("raw"),
            max_batch_size=1_000_000,
        )
        await producer.start()
        try:
            for number, out in outs:
                partition = place(out.key, self.partitions)
                self._plan[partition].append(SKIPPED if number is None else number)
                waiting[partition].append(out)
                if len(waiting[partition]) == APPENDED_TOGETHER:
                    await self._append(producer, partition, waiting.pop(partition))
            for partition, rest in waiting.items():
                await self._append(producer, partition, rest)
            await producer.flush()
        finally:
            await producer.stop()

    async def _append(self, producer: AIOKafkaProducer, partition: int, outs: list[ProducerRecord]) -> None:
        batch = producer.create_batch()
        for out in outs:
            if batch.append(timestamp=None, key=out.key, value=out.value, headers=out.headers) is None:
                raise ValueError("what comes together is larger than a batch")
        await producer.send_batch(batch, f"{self.prefix}raw", partition=partition)

    async def _create(self, prefix: str) -> None:
        config = Config(kafka=self.kafka, tenants=Tenants([]), topic_prefix=prefix)
        await topics.apply(config, "dev", self.partitions)
