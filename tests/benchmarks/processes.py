"""Two normalizer processes beside one, over as many raw records on as many partitions, the broker on the same cores.

The processes of a pair share the partitions by the consumer group, as replicas do; raw is filled once they do, so that
the first one does not do the work of all. Each notes its CPU seconds and how many records it has committed, ten times a
second; what counts is the time in which all of them have work.
"""

import asyncio
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from statistics import median
from typing import Final

import msgspec
import uvloop
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from msgspec import Struct

from headrace.core.record import ProducerRecord
from tests.benchmarks import load
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, flat, judged
from tests.benchmarks.whole import Stage
from tests.benchmarks.worker import Job, Watch, cpu_seconds, ours

SPEEDUP: Final = 1.8
SAMPLE_SECONDS: Final = 0.1
IDLE_SECONDS: Final = 5.0
"""A process that committed something, and nothing for so long, has done its share."""
START_SECONDS: Final = 60.0
"""The longest until all processes share the partitions, and until one commits its first records."""
LONGEST_SECONDS: Final = 600.0


class Sample(Struct, array_like=True):
    """When (`time.monotonic`), the CPU seconds of the process until then, and the records it had committed."""

    at: float
    cpu: float
    records: int


class Speed(Struct):
    """Records a second by the clock, and CPU seconds a record."""

    by_clock: float
    cpu: float


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Compare two processes with one."""
    found: dict[int, list[Speed]] = {1: [], 2: []}
    for number in range(min(sizes.rounds, 3)):
        outs = list(load.mixed(sizes.whole * 2, seed=number))
        for processes, speeds in found.items():
            speeds.extend(_speed(_run(Stage(servers, sizes.whole_partitions), processes, outs)))
    if not all(found.values()):
        yield Row("two processes, beside one", "never at work at the same time: more records are needed", "")
        return
    one, two = (median(speed.by_clock for speed in speeds) for speeds in found.values())
    yield judged("two processes, by the clock, beside one", two, one, "events/s", least=SPEEDUP)
    alone, shared = (median(speed.cpu for speed in speeds) * 1e6 for speeds in found.values())
    yield flat("  CPU of an event, two processes against one", alone, shared, "µs")


def _run(stage: Stage, processes: int, outs: Sequence[tuple[int | None, ProducerRecord]]) -> list[list[Sample]]:
    """Run so many normalizers over these records of raw; return what each of them noted."""
    asyncio.run(stage.fill([]))
    job = msgspec.json.encode(Job("ours", stage.kafka.bootstrap_servers, stage.prefix, stage.prefix, len(outs)))
    worker = (sys.executable, "-m", "tests.benchmarks.processes")
    running = [subprocess.Popen(worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(processes)]
    try:
        for each in running:
            assert each.stdin is not None  # for the type checker: it is a pipe
            each.stdin.write(job)
            each.stdin.close()
        asyncio.run(_wait_for_members(stage, processes))
        asyncio.run(stage.fill(outs))
        outputs = [each.stdout.read() for each in running if each.stdout is not None]
        if any(each.wait() for each in running):
            raise RuntimeError("a normalizer ended with an error")
    finally:
        for each in running:
            with each:  # closes its pipes, and waits
                each.kill()
    return [msgspec.json.decode(output.splitlines()[-1], type=list[Sample]) for output in outputs]


async def _wait_for_members(stage: Stage, count: int) -> None:
    """Wait until so many normalizers share the partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.kafka.bootstrap_servers)
    await admin.start()
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                with suppress(GroupCoordinatorNotAvailableError):  # nobody has looked for the group yet
                    [answer] = await admin.describe_consumer_groups([f"{stage.prefix}normalizer"])
                    [(_, _, state, _, _, members)] = answer.groups
                    if state == "Stable" and len(members) == count:
                        return
                await asyncio.sleep(SAMPLE_SECONDS)
    finally:
        await admin.close()


def _speed(noted: Sequence[list[Sample]]) -> Iterator[Speed]:
    """Yield the speed from when every process had committed a tenth of its records until the first one was done.

    Nothing where there is no such time.
    """
    begin = max(next(s.at for s in samples if s.records >= samples[-1].records / 10) for samples in noted)
    end = min(next(s.at for s in samples if s.records >= samples[-1].records * 0.95) for samples in noted)
    if end <= begin:
        return
    spans = [(_at(samples, begin), _at(samples, end)) for samples in noted]
    records = sum(last.records - first.records for first, last in spans)
    cpu = sum(last.cpu - first.cpu for first, last in spans)
    yield Speed(records / (end - begin), cpu / records)


def _at(samples: list[Sample], moment: float) -> Sample:
    return samples[bisect_left(samples, moment, key=lambda sample: sample.at)]


async def _work(job: Job) -> list[Sample]:
    """Run one normalizer until it has nothing to do any more; return what it noted."""
    watch, samples = Watch(job.count), list[Sample]()
    normalizer = asyncio.create_task(ours(job, watch))
    moved_at = began = time.monotonic()
    while (now := time.monotonic()) - began < LONGEST_SECONDS and not normalizer.done():
        if not samples or watch.seen > samples[-1].records:
            moved_at = now
        samples.append(Sample(now, cpu_seconds(), watch.seen))
        if now - moved_at > (IDLE_SECONDS if watch.seen else START_SECONDS * 2):
            break
        await asyncio.sleep(SAMPLE_SECONDS)
    normalizer.cancel()
    with suppress(asyncio.CancelledError):
        await normalizer
    return samples


if __name__ == "__main__":
    of = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_work(of))))
