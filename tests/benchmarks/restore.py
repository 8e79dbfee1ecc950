"""Restore: a task's memory from a seen topic on a real broker, in a process of its own; run as a module, it is that."""

import asyncio
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec
import numpy as np
import uvloop
from aiokafka import AIOKafkaProducer
from msgspec import Struct

from headrace.config import Config, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.kafka import topics
from headrace.kafka.barrier import Barrier, StaleEnds
from headrace.kafka.partition_owner import TaskState
from headrace.kafka.producer import Transactions
from headrace.normalizer.batch_size import MOST_RECORDS
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.normalizer.normalizer import Normalizer
from headrace.normalizer.restore import restore
from headrace.observe.health import Health
from headrace.observe.registry import Registry
from headrace.observe.tasks import TaskMetrics
from headrace.records.mark import Mark
from headrace.records.seen import BARRIER, TOTALS, encode_record
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, judged

TARGET = 1_000_000
TARGET_SINGLY = 250_000
STALLED_AFTER = 60.0
TAKE_OVER_WITHIN = 300.0
WRITERS = 16
"""Producers that write small commits side by side: each waits for its transactions."""
RECORDS_TOGETHER = 5
"""Seen records of one batch: what is committed with 2,000 marks in it is as large as a batch gets."""


class Job(Struct):
    """Where the seen topic stands."""

    servers: str
    prefix: str
    barrier: int = 0
    take_over: bool = False
    """Whether a normalizer takes the partition over: fence, barrier, restore, seek; else it is restored alone."""


class Restored(Struct):
    """What was restored, in seconds of CPU and by the clock."""

    ids: int
    cpu: float
    wall: float


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Compare the speed of a restore with the targets, and show what a take-over takes."""
    for name, ids, each, target in (
        (f"commits of {MOST_RECORDS:,} ids", sizes.restored, MOST_RECORDS, TARGET),
        ("commits of 1 id", sizes.restored_singly, 1, TARGET_SINGLY),
    ):
        middle = _median(asyncio.run(_fill(servers, ids, each)), sizes.rounds)
        yield judged(f"restore, {name}", ids / middle.cpu, target, "ids/CPU s", least=1)
        yield Row("  by the clock", f"{ids / middle.wall:,.0f} ids/s", "")
    for name, ids, each in (
        (f"commits of {MOST_RECORDS:,}", sizes.taken_over, MOST_RECORDS),
        ("commits of 1", sizes.restored_singly, 1),
    ):
        job = asyncio.run(_fill(servers, ids, each))
        job.take_over = True
        middle = _median(job, sizes.rounds)
        yield Row(f"take-over, {ids:,} ids, {name}", f"{middle.wall:.2f} s, {middle.cpu:.2f} of CPU", "")


def _median(job: Job, rounds: int) -> Restored:
    found = sorted((_restore(job) for _ in range(rounds)), key=lambda restored: restored.cpu)
    return found[rounds // 2]


async def _fill(servers: str, ids: int, each: int) -> Job:
    """Write a seen topic that knows nothing of raw. Commits of one id are transactions, as those of a task.

    Large ones are written without markers of transactions, `RECORDS_TOGETHER` in a batch.
    """
    job, kafka = Job(servers, f"b{secrets.token_hex(4)}."), KafkaSettings(bootstrap_servers=servers)
    await topics.apply(Config(kafka=kafka, tenants=Tenants([]), topic_prefix=job.prefix), "dev", 1)
    rng = np.random.default_rng(1)
    commits = (_commit(start, min(each, ids - start), rng) for start in range(0, ids, each))
    if each == 1:
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                group.create_task(_write_singly(kafka, f"{job.prefix}fill-{number}", job, commits))
    else:
        await _write_large(kafka, job, commits)
    job.barrier = await _write_singly(kafka, f"{job.prefix}fill-0", job, [BARRIER])
    return job


async def _write_singly(kafka: KafkaSettings, name: str, job: Job, commits: Iterable[bytes]) -> int:
    """Write each in a transaction of its own; return the offset of the last."""
    producer, at, offset = Transactions(kafka, name), (f"{job.prefix}seen", 0), 0
    await producer.fence()
    for value in commits:
        offset = (await producer.write({at: [ProducerRecord(b"", value, [])]}))[at]
    await producer.close()
    return offset


async def _write_large(kafka: KafkaSettings, job: Job, commits: Iterable[bytes]) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=job.servers, acks="all", compression_type=kafka.codec("seen"), max_batch_size=900_000
    )
    await producer.start()
    left = iter(commits)
    while values := list(islice(left, RECORDS_TOGETHER)):
        batch = producer.create_batch()
        for value in values:
            batch.append(timestamp=None, key=b"", value=value, headers=[])
        await producer.send_batch(batch, f"{job.prefix}seen", partition=0)
    await producer.stop()


def _commit(start: int, count: int, rng: np.random.Generator) -> bytes:
    digests = rng.bytes(16 * count)
    marks = {
        digests[i * 16 : i * 16 + 16]: Mark(1_795_250_000, 7, (start + i << 1,), 1_795_250_000) for i in range(count)
    }
    return encode_record(0, (0,) * len(TOTALS), marks)


def _restore(job: Job) -> Restored:
    done = subprocess.run(
        (sys.executable, "-m", "tests.benchmarks.restore"),
        input=msgspec.json.encode(job),
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Restored)


async def _take_over(job: Job) -> Restored:
    """Run a normalizer until its task runs; what it takes to join the group does not count."""
    config = Config(kafka=KafkaSettings(bootstrap_servers=job.servers), tenants=Tenants([]), topic_prefix=job.prefix)
    metrics, found = NormalizerMetrics(Registry("0"), config.tenants), await topics.verify(config)
    health = Health(time.monotonic)
    normalizer = Normalizer(LiveConfig(config), found, metrics=metrics, health=health, decided=lambda _: None)
    running = asyncio.create_task(normalizer.run())
    async with asyncio.timeout(TAKE_OVER_WITHIN):
        while not normalizer.tasks:  # noqa: ASYNC110  (the group offers nothing to wait for)
            await asyncio.sleep(0.001)
        used, began = _cpu(), time.perf_counter()
        (task,) = normalizer.tasks.values()
        while task.state is not TaskState.RUNNING:  # noqa: ASYNC110  (as above)
            await asyncio.sleep(0.001)
        restored = Restored(len(task.seen.marks), _cpu() - used, time.perf_counter() - began)
    running.cancel()
    await asyncio.wait([running])
    return restored


async def _main(job: Job) -> Restored:
    if job.take_over:
        return await _take_over(job)
    kafka, seen = KafkaSettings(bootstrap_servers=job.servers), Seen()
    used, began = _cpu(), time.perf_counter()
    barrier = Barrier(f"{job.prefix}seen", 0, job.barrier, BARRIER)
    stale = StaleEnds(0, TaskMetrics(Registry("0"), "normalizer"))
    await restore(kafka, barrier, seen, stale=stale, stalled_after=STALLED_AFTER)
    return Restored(len(seen.marks), _cpu() - used, time.perf_counter() - began)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.stdout.buffer.write(
        msgspec.json.encode(uvloop.run(_main(msgspec.json.decode(sys.stdin.buffer.read(), type=Job))))
    )
