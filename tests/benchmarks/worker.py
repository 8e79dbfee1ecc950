"""One contender in a process of its own, so that its CPU seconds are its own: `python -m tests.benchmarks.worker JOB`.

`ours` is the normalizer as the program runs it. `stripped` is the same loop with the least work:
take records, decode each into its Struct, encode one of many events that were prepared, write all in one
transaction.
"""

import asyncio
import base64
import gc
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import uvloop
from msgspec import Struct

from headrace.app import SELDOM
from headrace.config import Config, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.core.record import ProducerRecord
from headrace.kafka.consumer import Record
from headrace.kafka.group_member import Member
from headrace.kafka.live_reader import LiveReader
from headrace.kafka.producer import Transactions
from headrace.kafka.topics import verify
from headrace.normalizer.batch_size import MOST_RECORDS
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.normalizer import Normalizer
from headrace.normalizer.raw_reader import LIVE_WAIT
from headrace.normalizer.turns import Turns
from headrace.observe.health import Health
from headrace.observe.registry import Registry
from tests.benchmarks import load
from tests.benchmarks.baseline import SKIPPED, prepared

DEADLINE_SECONDS: Final = 300.0
LEAST_SPEED: Final = 500.0
"""Records a second; a contender that is slower on many of them is stopped."""


class Job(Struct):
    """What to run: raw stands under `prefix` and holds `count` records; `stripped` writes under `target`.

    `plan` says for the stripped loop which kind each raw record is, by partition, a byte a record, in base64.
    """

    contender: str
    servers: str
    prefix: str
    target: str
    count: int
    plan: dict[int, str] = {}


class Result(Struct):
    """How many records were measured, and what they took, in seconds of CPU and by the clock."""

    records: int
    cpu: float
    wall: float


class Watch:
    """Measures the last three quarters of the records: what it takes to start is not part of the loop."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.done = asyncio.Event()
        self.seen = self._first = 0
        self._began = (0.0, 0.0)
        self.result = Result(0, 0, 0)

    def saw(self, records: int) -> None:
        """Note that so many records are committed."""
        self.seen += records
        now = (cpu_seconds(), time.perf_counter())
        if not self._first and self.seen >= self.count // 4:
            self._first, self._began = self.seen, now
        if self.seen >= self.count:
            self.result = Result(self.seen - self._first, now[0] - self._began[0], now[1] - self._began[1])
            self.done.set()


async def ours(job: Job, watch: Watch) -> None:
    """Run the normalizer."""
    config = Config(kafka=KafkaSettings(bootstrap_servers=job.servers), tenants=load.tenants(), topic_prefix=job.prefix)
    metrics, health = NormalizerMetrics(Registry("benchmark"), config.tenants), Health(time.monotonic)
    topics = await verify(config)
    normalizer = Normalizer(
        LiveConfig(config), topics, metrics=metrics, health=health, decided=lambda decisions: watch.saw(len(decisions))
    )
    await normalizer.run()


async def stripped(job: Job, watch: Watch) -> None:
    """Run the loop without the service: the same members, transactions, batches and turns."""
    kafka = KafkaSettings(bootstrap_servers=job.servers)
    turns = Turns()
    assigned: asyncio.Queue[set[int]] = asyncio.Queue()
    member = Member(kafka, f"{job.target}stripped", f"{job.prefix}raw", assigned=assigned.put, revoked=_ignore)
    async with member, asyncio.TaskGroup() as group:
        for partition in await assigned.get():
            loop = _Stripped(job, kafka, partition, turns)
            group.create_task(loop.run(watch.saw))


async def _ignore(_: set[int]) -> None:
    """Nobody else joins: an assignment stays."""


class _Stripped:
    """One partition of the stripped loop."""

    def __init__(self, job: Job, kafka: KafkaSettings, partition: int, turns: Turns) -> None:
        self.job, self.partition, self.turns = job, partition, turns
        self.log = LiveReader(kafka, f"{job.prefix}raw", partition)
        self.producer = Transactions(kafka, f"{job.target}stripped-{partition}")
        self.plan = base64.b64decode(job.plan[partition])
        self.kinds = prepared()
        self.position = 0

    async def run(self, committed: Callable[[int], Any]) -> None:
        """Work until cancelled."""
        await self.producer.fence()
        spread = await self.producer.partitions_of(f"{self.job.target}events")
        try:
            await self.log.open()
            self.log.seek(0)
            while True:
                batch = await self.log.next(MOST_RECORDS, LIVE_WAIT)
                if batch:
                    async with self.turns.of(batch):
                        await self.write(batch, spread)
                    committed(len(batch))
        finally:
            await self.log.close()
            await self.producer.close()

    def write(self, batch: Sequence[Record], spread: int) -> Awaitable[Any]:
        """Decode every record that is news, encode an event for it, and write them with the position."""
        position = ProducerRecord(b"", (self.position + len(batch)).to_bytes(8, "little"), [])
        groups = {(f"{self.job.target}seen", self.partition): [position]}
        events: list[list[ProducerRecord]] = [[] for _ in range(spread)]
        for record in batch:
            number = self.plan[record.offset]
            if number != SKIPPED:
                events[record.offset % spread].append(self.kinds[number].out(record.value, record.offset))
        groups |= {(f"{self.job.target}events", i): outs for i, outs in enumerate(events) if outs}
        self.position += len(batch)
        return self.producer.write(groups)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process until now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _main(job: Job) -> Result:
    watch = Watch(job.count)
    contender = asyncio.create_task({"ours": ours, "stripped": stripped}[job.contender](job, watch))
    done = asyncio.create_task(watch.done.wait())
    async with asyncio.timeout(DEADLINE_SECONDS + job.count / LEAST_SPEED):
        await asyncio.wait([contender, done], return_when=asyncio.FIRST_COMPLETED)
    if contender.done():
        contender.result()
    contender.cancel()
    await asyncio.wait([contender], timeout=10)
    return watch.result


if __name__ == "__main__":
    gc.set_threshold(*SELDOM)
    sys.stdout.buffer.write(
        msgspec.json.encode(uvloop.run(_main(msgspec.json.decode(sys.stdin.buffer.read(), type=Job))))
    )
