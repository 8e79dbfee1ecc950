"""The poller: how much of a budget it uses, what an event costs it, and whether it grows while it reads.

It runs as the real program; the platform is a process of its own where CPU is measured. What an event costs is taken
in turns with a client of aiohttp that reads the same pages and only looks for the link to the next.
"""

import asyncio
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from headrace.kafka.consumer import Consumer
from headrace_demo import senders
from headrace_demo.process import Child
from headrace_demo.simulators import leadsquared
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.quota import Allowance
from tests.benchmarks.pages import SIZE, WINDOW
from tests.benchmarks.receiver import cpu_of
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, at_most, judged
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import until

LEAST_USED: Final = 0.98
MOST_GROWTH: Final = 1.1
ALLOWED: Final = Allowance(per_window=25, window=5.0)
"""What LeadSquared publishes."""
PARTITIONS: Final = 4
MOST_SECONDS: Final = 1_800.0
"""Time within which any measurement here is over."""
_ROUNDS: Final = 3


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Measure the three, one after the other."""
    with tempfile.TemporaryDirectory(prefix="headrace-benchmarks-") as home:
        yield from asyncio.run(_budget(sizes, servers, Path(home)))
        yield from asyncio.run(_cost(sizes, servers, Path(home)))
        yield from asyncio.run(_growth(sizes, servers, Path(home)))


async def _budget(sizes: Sizes, servers: str, home: Path) -> list[Row]:
    """Read leads, more than there are calls for; count the calls of some windows from the first one on."""
    history = leadsquared.History(1, 2_000, leads=1_000, shape=Shape(late=0.0))
    async with leadsquared.Simulator(history, allowance=ALLOWED) as platform:
        limits = {"budget.per_window": ALLOWED.per_window, "budget.window": f"{ALLOWED.window:.0f}s"}
        keys = platform.tenant() | limits | {"leads": history.leads, "budget.per_day": 1_000_000}
        async with running_poller(servers, home, "leadsquared", keys):
            await until(lambda: bool(platform.calls), "the platform is polled")
            began, lasts = platform.calls[0].at, sizes.windows * ALLOWED.window
            await until(lambda: platform.calls[-1].at >= began + lasts, "all windows are over", deadline=MOST_SECONDS)
        calls = sum(call.at < began + lasts for call in platform.calls)
        allowed = sizes.windows * ALLOWED.per_window
        return [
            judged("poller: budget with a backlog", calls, allowed, f"calls in {lasts:.0f} s", least=LEAST_USED),
            Row("  calls too many", f"{platform.quota.exceeded} calls", "0 calls", "", _none(platform.quota.exceeded)),
        ]


async def _cost(sizes: Sizes, servers: str, home: Path) -> list[Row]:
    """Take turns with the bare client."""
    pairs: list[tuple[float, float]] = []
    with page_server(home, sizes.polled) as url:
        for number in range(min(sizes.rounds, _ROUNDS)):
            bare = _bare(url, sizes.polled)
            async with running_poller(servers, home / f"cost-{number}", "outreach", keys_of(url)) as poller:
                began = cpu_of(poller.pid)
                await poller.has_appended(sizes.polled)
                pairs.append((sizes.polled / (cpu_of(poller.pid) - began), sizes.polled / bare))
    ours, limit = (median(pair[side] for pair in pairs) for side in range(2))
    share = median(ours / bare for ours, bare in pairs)
    return [
        Row(
            f"poller: {sizes.polled:,} events, {SIZE} a page, into raw",
            f"{ours:,.0f} events/CPU s", f"{limit:,.0f} events/CPU s", f"{share:.3f}",
        )
    ]  # fmt: skip


async def _growth(sizes: Sizes, servers: str, home: Path) -> list[Row]:
    """Read on, ten times as far."""
    few, many = sizes.polled, sizes.polled * 10
    with page_server(home, many) as url:
        async with running_poller(servers, home / "growth", "outreach", keys_of(url)) as poller:
            await poller.has_appended(few)
            before = _resident(poller.pid)
            await poller.has_appended(many)
            after = _resident(poller.pid)
    name = f"poller: memory after {many:,} rows against {few:,}"
    return [at_most(name, after / 1e6, MOST_GROWTH * before / 1e6, "MB")]


class RunningPoller:
    """A poller at work."""

    def __init__(self, program: Program, kafka: KafkaSettings, prefix: str) -> None:
        self.pid = program.child.pid
        self._program = program
        self._kafka = kafka
        self._topic = f"{prefix}raw"

    async def has_appended(self, count: int) -> None:
        """Wait until so many records are in raw."""
        async with Consumer(self._kafka) as log:

            async def there() -> bool:
                assert self._program.child.runs, self._program.tail()
                ends = [(await log.bounds(self._topic, partition))[1] for partition in range(PARTITIONS)]
                return sum(ends) >= count

            await until(there, f"{count} records are in raw", deadline=MOST_SECONDS)


@asynccontextmanager
async def running_poller(
    servers: str, home: Path, provider: str, keys: dict[str, object]
) -> AsyncIterator[RunningPoller]:
    """Run a poller for one tenant; what it does before it may poll is not measured."""
    prefix, kafka = f"b{secrets.token_hex(4)}.", KafkaSettings(bootstrap_servers=servers)
    await topics.apply(Config(kafka=kafka, tenants=Tenants([]), topic_prefix=prefix), "dev", PARTITIONS)
    tenant = senders.toml(senders.make(provider), **keys)
    program = Program(configuration(servers, prefix, tenant), home, "poller", roles=("poller",))
    try:
        await program.says("task_restored")
        yield RunningPoller(program, kafka, prefix)
        program.stop()
    finally:
        program.child.kill()


class page_server:  # noqa: N801  (it reads as the function that it is)
    """Serve pages from a process of its own; gives their URL."""

    def __init__(self, home: Path, count: int) -> None:
        self._log = home / f"pages-{secrets.token_hex(4)}.log"
        command = (sys.executable, "-m", "tests.benchmarks.pages", "serve", str(count))
        self._child = Child(command, log=self._log, cwd=Path.cwd())

    def __enter__(self) -> str:
        while not self._log.read_text().endswith("\n"):
            assert self._child.runs, self._log.read_text()
        return f"http://127.0.0.1:{self._log.read_text().strip()}"

    def __exit__(self, *_: object) -> None:
        self._child.kill()


def keys_of(url: str) -> dict[str, object]:
    pages = {"events.page_size": SIZE, "events.window": WINDOW, "events.every": "1h"}
    return {"base_url": url, "polling": True, "access_token": "any"} | pages


def _bare(url: str, count: int) -> float:
    """Return the CPU seconds that the bare client takes."""
    command = (sys.executable, "-m", "tests.benchmarks.pages", "read", url)
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    read, seconds = msgspec.json.decode(output, type=tuple[int, float])
    assert read == count
    return seconds


def _none(count: int) -> str:
    return "missed" if count else "reached"


def _resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
