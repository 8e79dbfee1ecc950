"""The receiver beside a bare handler of aiohttp that appends the same bytes: CPU seconds of the server's process.

Both run all the time, each in a process of its own, and take turns at the same deliveries; this process sends them.
"""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from msgspec import Struct

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from headrace_demo.process import Child
from tests.benchmarks.deliveries import KINDS, configured, requests, send_all
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, judged
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import until

SHARE: Final = 0.8
CONNECTIONS: Final = 32
PARTITIONS: Final = 12
WARM: Final = 0.5
"""The part of a turn's deliveries that is sent beforehand, unmeasured."""
UNLIMITED: Final = "[receiver]\nrate = 1000000\nburst = 1000000"


class Cost(Struct, frozen=True):
    """Seconds of CPU and by the clock that one delivery took."""

    cpu: float
    wall: float


class Server(Struct, frozen=True):
    """A running contender."""

    pid: int
    port: int

    async def take(self, what: list[bytes]) -> Cost:
        """Send it deliveries."""
        cpu, wall = cpu_of(self.pid), time.perf_counter()
        await send_all(self.port, what, min(CONNECTIONS, len(what)))
        return Cost((cpu_of(self.pid) - cpu) / len(what), (time.perf_counter() - wall) / len(what))


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Compare the receiver with the bare handler, for each kind of delivery."""
    with tempfile.TemporaryDirectory(prefix="headrace-benchmarks-") as home:
        yield from asyncio.run(_rows(sizes, servers, Path(home)))


async def _rows(sizes: Sizes, servers: str, home: Path) -> list[Row]:
    """Start both, let them take turns, end both."""
    prefixes = [f"b{secrets.token_hex(4)}." for _ in range(2)]
    kafka = KafkaSettings(bootstrap_servers=servers)
    for prefix in prefixes:
        await topics.apply(Config(kafka=kafka, tenants=Tenants([]), topic_prefix=prefix), "dev", PARTITIONS)
    text = configuration(servers, prefixes[0], configured()).replace("[receiver]", UNLIMITED)
    program = Program(text, home, "receiver", roles=("receiver",))
    command = (
        sys.executable,
        "-m",
        "tests.benchmarks.bare_handler",
        servers,
        f"{prefixes[1]}raw",
        str(kafka.codec("raw")),
    )
    log = home / "bare.log"
    bare = Child(command, log=log, cwd=Path.cwd())
    try:
        await program.says("kafka_answers")
        port = int((await program.webhooks()).rpartition(":")[2])
        await until(lambda: log.read_text().endswith("\n"), "the bare handler serves")
        pair = (Server(program.child.pid, port), Server(bare.pid, int(log.read_text())))
        return [row for kind in KINDS for row in await _compare(kind, pair, sizes)]
    finally:
        bare.kill()
        program.stop()


async def _compare(kind: str, pair: tuple[Server, Server], sizes: Sizes) -> list[Row]:
    """Let both take the same deliveries, in turns."""
    for server in pair:
        await server.take(requests(kind, max(1, int(sizes.delivered * WARM)), seed=0))
    costs: list[tuple[Cost, Cost]] = []
    for number in range(sizes.rounds):
        what = requests(kind, sizes.delivered, seed=number + 1)
        first, second = pair if number % 2 else reversed(pair)
        one, other = await first.take(what), await second.take(what)
        costs.append((one, other) if number % 2 else (other, one))
    ours, bare = (median(1 / cost[side].cpu for cost in costs) for side in range(2))
    clock, bare_clock = (median(1 / cost[side].wall for cost in costs) for side in range(2))
    share = median(bare.cpu / ours.cpu for ours, bare in costs)
    return [
        judged(f"receiver: {kind}", ours, bare, "deliveries/CPU s", least=SHARE, ratio=share),
        Row("  by the clock", f"{clock:,.0f} a second", f"{bare_clock:,.0f} a second", f"{clock / bare_clock:.2f}"),
    ]


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of another process, all its threads, by the clock that clock_getcpuclockid(3) names."""
    return time.clock_gettime(~pid << 3 | 2)
