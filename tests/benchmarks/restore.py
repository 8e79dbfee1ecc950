"""Restore: a task's memory from a seen topic on a real broker, in a process of its own; run as a module, it is that."""

import asyncio
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec
import numpy as np
import uvloop
from aiokafka import AIOKafkaProducer
from msgspec import Struct

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from headrace.kafka.barrier import Barrier, StaleEnds
from headrace.normalizer.batch_size import MOST_RECORDS
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.restore import restore
from headrace.observe.registry import Registry
from headrace.observe.tasks import TaskMetrics
from headrace.records.mark import Mark
from headrace.records.seen import BARRIER, TOTALS, encode_record
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, judged

TARGET = 1_000_000
STALLED_AFTER = 60.0
RECORDS_TOGETHER = 5
"""Seen records of one batch: what is committed with 2,000 marks in it is as large as a batch gets."""


class Job(Struct):
    """Where the seen topic stands."""

    servers: str
    prefix: str
    barrier: int = 0


class Restored(Struct):
    """What was restored, in seconds of CPU and by the clock."""

    ids: int
    cpu: float
    wall: float


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Compare the speed of a restore with the target."""
    for name, ids, each in (
        (f"commits of {MOST_RECORDS:,} ids", sizes.restored, MOST_RECORDS),
        ("commits of 1 id", sizes.restored_singly, 1),
    ):
        job = Job(servers, f"b{secrets.token_hex(4)}.")
        job.barrier = asyncio.run(_fill(job, ids, each))
        found = sorted((_restore(job) for _ in range(sizes.rounds)), key=lambda restored: restored.cpu)
        middle = found[len(found) // 2]
        if each == 1:
            yield Row(f"restore, {name}", f"{ids / middle.cpu:,.0f} ids/CPU s", "")
        else:
            yield judged(f"restore, {name}", ids / middle.cpu, TARGET, "ids/CPU s", least=1)
        yield Row("  by the clock", f"{ids / middle.wall:,.0f} ids/s", "")


async def _fill(job: Job, ids: int, each: int) -> int:
    """Write a seen topic as commits would, without the markers of transactions; return the offset of a barrier."""
    kafka = KafkaSettings(bootstrap_servers=job.servers)
    await topics.apply(Config(kafka=kafka, tenants=Tenants([]), topic_prefix=job.prefix), "dev", 1)
    producer = AIOKafkaProducer(
        bootstrap_servers=job.servers, acks="all", compression_type=kafka.codec("seen"), max_batch_size=900_000
    )
    rng = np.random.default_rng(1)
    await producer.start()
    try:
        for first in range(0, ids, each * RECORDS_TOGETHER):
            batch = producer.create_batch()
            for start in range(first, min(first + each * RECORDS_TOGETHER, ids), each):
                batch.append(timestamp=None, key=b"", value=_commit(start, min(each, ids - start), rng), headers=[])
                if each == 1:
                    await producer.send_batch(batch, f"{job.prefix}seen", partition=0)
                    batch = producer.create_batch()
            if each > 1:
                await producer.send_batch(batch, f"{job.prefix}seen", partition=0)
        await producer.flush()
        barrier = await producer.send_and_wait(f"{job.prefix}seen", BARRIER, partition=0)
        return int(barrier.offset)
    finally:
        await producer.stop()


def _commit(start: int, count: int, rng: np.random.Generator) -> bytes:
    digests = rng.bytes(16 * count)
    marks = {
        digests[i * 16 : i * 16 + 16]: Mark(1_795_250_000, 7, (start + i << 1,), 1_795_250_000) for i in range(count)
    }
    return encode_record(start + count, (start + count, *TOTALS[1:0], *(0,) * (len(TOTALS) - 1)), marks)


def _restore(job: Job) -> Restored:
    done = subprocess.run(
        (sys.executable, "-m", "tests.benchmarks.restore"),
        input=msgspec.json.encode(job),
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Restored)


async def _main(job: Job) -> Restored:
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
