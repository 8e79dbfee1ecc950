"""A poller of a million leads whose event loop is watched: `python -m tests.benchmarks.leads_worker JOB`.

Each callback is timed, as the loop runs it: what one takes in CPU is what everything else waits for, however busy the
machine is. The loop is asyncio's own, for uvloop lets nobody in; the callbacks are the same.
"""

import asyncio
import gc
import sys
import time
from asyncio import events
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog

from headrace.config import Config, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Tenants
from headrace.kafka.topics import verify
from headrace.observe.health import Health
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.poller.poller import Poller
from headrace.poller.tenant import TenantPoller
from headrace.sdk.limits import CallLimits
from tests.benchmarks.leads import FEED, SOURCE, Blocked, Job, Watching, highest
from tests.benchmarks.memory import resident
from tests.fake_provider import polled

ALLOWED: Final = CallLimits(per_window=25, window=5.0)
LOOKS_SECONDS: Final = 20.0
"""Time in which the first looks at all leads end: which was read longest ago, whose cursors are nobody's any more."""
DEADLINE_SECONDS: Final = 900.0
REPORT_MS: Final = 40.0


class LoopWatch:
    """Times all callbacks of the loop."""

    def __init__(self) -> None:
        self.blocked: Final[list[Blocked]] = []
        self._run: Final[Callable[[Any], None]] = events.Handle._run
        timed = self._timed

        def run(handle: events.Handle) -> None:
            timed(handle)

        events.Handle._run = run  # type: ignore[method-assign,assignment]  # mypy misreads the name of its first argument
        self._cpu = self._wall = 0.0
        self._callbacks = 0
        self._used = time.process_time()

    def ended(self, phase: str) -> None:
        """End a phase: what was slowest in it is one row."""
        used = time.process_time() - self._used
        found = Blocked(phase, self._cpu * 1000, self._wall * 1000, self._callbacks, used)
        self.blocked.append(found)
        self._cpu = self._wall = 0.0
        self._callbacks, self._used = 0, time.process_time()

    def _timed(self, handle: Any) -> None:
        began, used = time.perf_counter(), time.thread_time()
        self._run(handle)
        cpu, wall = time.thread_time() - used, time.perf_counter() - began
        self._callbacks += 1
        self._cpu, self._wall = max(self._cpu, cpu), max(self._wall, wall)
        if cpu * 1000 > REPORT_MS:
            sys.stderr.write(f"{cpu * 1000:.0f} ms: {handle!r}\n")


async def _main(job: Job) -> Watching:
    loop = LoopWatch()
    kafka = KafkaSettings(bootstrap_servers=job.servers)
    accounts = Tenants([polled(job.url, feeds=[FEED], limits=ALLOWED)])
    config = Config(topic_prefix=job.prefix, kafka=kafka, tenants=accounts)
    metrics = PollerMetrics(Registry("benchmark"), accounts)
    poller = Poller(LiveConfig(config), await verify(config), metrics, Health(time.monotonic, role="poller"))
    loop.ended("start")
    running = asyncio.create_task(poller.run())
    tenant = await _tenant(running, poller)
    loop.ended("restoring the partition")
    await _until(running, lambda: tenant._watched.resumed)
    loop.ended("resuming the tenant")
    await asyncio.sleep(LOOKS_SECONDS)
    loop.ended("looks at all leads, and turns")
    used = resident()
    sys.stdout.write("resumed\n")
    sys.stdout.flush()
    await _until(running, lambda: tenant._scheduler.watched(FEED) >= job.leads + job.imported)
    loop.ended(f"{job.imported:,} leads imported at once")
    running.cancel()
    await asyncio.wait([running], timeout=30)
    loop.ended("ending")
    return Watching(loop.blocked, used, highest())


async def _tenant(running: asyncio.Task[None], poller: Poller) -> TenantPoller:
    def there() -> bool:
        return 0 in poller.partitions and SOURCE in poller.partitions[0].tenants

    await _until(running, there)
    return poller.partitions[0].tenants[SOURCE]


async def _until(running: asyncio.Task[None], happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not happened():
            if running.done():
                running.result()
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout is for what was found
    gc.collect()
    gc.freeze()  # as the program does
    found = asyncio.run(_main(msgspec.json.decode(sys.argv[1], type=Job)))
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
