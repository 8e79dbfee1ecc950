"""From an accepted webhook to an event that a `read_committed` consumer sees, at a steady rate, with all roles.

The program, the consumer and the sender are processes of their own on one machine, so that all times are of one clock.
"""

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from statistics import quantiles

import msgspec
from msgspec import Struct

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from headrace_demo.senders import Fact, Sending
from tests.benchmarks.deliveries import Connection, configured, connect, invent, request_of
from tests.benchmarks.event_reader import Sight
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, at_most
from tests.integration.child_process import ALL, Program, configuration

RATE = 500
"""Events a second."""
MEDIAN_MS, P99_MS = 30.0, 150.0
"""Targets for the median and for 99 of 100."""
PARTITIONS = 4
WARM_SECONDS = 3.0
"""Load that is sent before anything counts."""
CONNECTIONS = 16
KIND = "all kinds in turn"

Times = dict[Fact, float]


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Compare the latency with its targets."""
    with tempfile.TemporaryDirectory(prefix="headrace-benchmarks-") as home:
        measured = asyncio.run(measure(sizes, servers, Path(home)))
    first = min(measured.accepted.values()) + WARM_SECONDS
    seen = {sight.fact: sight.at for sight in measured.seen}
    took = [(seen[fact] - at) * 1000 for fact, at in measured.accepted.items() if at > first]
    cut = quantiles(took, n=1000)
    yield at_most(f"accepted -> visible, {RATE} events/s, p50", cut[499], MEDIAN_MS, "ms")
    yield at_most("  p99", cut[989], P99_MS, "ms")
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    yield Row("  p90; p99.9; the longest", f"{cut[899]:.0f}; {cut[998]:.0f}; {max(took):.0f} ms", f"load {load}")


class Measured(Struct):
    """When each fact was sent and accepted (`time.monotonic`), and what was read; topics have the `prefix`."""

    prefix: str
    sent: Times
    accepted: Times
    seen: list[Sight]


async def measure(sizes: Sizes, servers: str, home: Path) -> Measured:
    """Run the program and the consumer, and send to it."""
    prefix = f"b{secrets.token_hex(4)}."
    config = Config(kafka=KafkaSettings(bootstrap_servers=servers), tenants=Tenants([]), topic_prefix=prefix)
    await topics.apply(config, "dev", PARTITIONS)
    sendings = list(_for(WARM_SECONDS + sizes.watched))
    count = sum(len(sending.facts) for sending in sendings)
    program = Program(configuration(servers, prefix, configured()), home, "program", roles=ALL)
    try:
        await program.says("kafka_answers")
        await program.ready()
        port = int((await program.webhooks()).rpartition(":")[2])
        async with _event_reader(servers, f"{prefix}events", count, home / "seen") as reader:
            sent, accepted = await _send(port, sendings)
            await reader.wait()
    finally:
        program.stop()
    return Measured(prefix, sent, accepted, msgspec.json.decode((home / "seen").read_bytes(), type=list[Sight]))


@asynccontextmanager
async def _event_reader(servers: str, topic: str, count: int, seen: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the consumer, which writes what it has seen to a file; yield it once it reads."""
    worker = ("-m", "tests.benchmarks.event_reader", servers, topic, str(count), str(seen))
    reader = await asyncio.create_subprocess_exec(sys.executable, *worker, stdout=asyncio.subprocess.PIPE)
    assert reader.stdout is not None  # for the type checker: it is a pipe
    try:
        await reader.stdout.readline()
        yield reader
    finally:
        if reader.returncode is None:
            reader.kill()
        await reader.wait()


def _for(seconds: float) -> Iterator[Sending]:
    """Invent the deliveries of so many seconds."""
    left = int(RATE * seconds)
    for sending in islice(invent(KIND, seed=1), left):
        if left <= 0:
            return
        left -= len(sending.facts)
        yield sending


async def _send(port: int, sendings: list[Sending]) -> tuple[Times, Times]:
    """Send at the rate, whether answers come or not; return when each fact was sent, and when the answer came."""
    sent: Times = {}
    accepted: Times = {}
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await connect(port))

    async def send(sending: Sending) -> None:
        connection = await free.get()
        sent.update(dict.fromkeys(sending.facts, time.monotonic()))
        await connection.send(request_of(sending))
        accepted.update(dict.fromkeys(sending.facts, time.monotonic()))
        free.put_nowait(connection)

    due = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for sending in sendings:
            await asyncio.sleep(due - time.monotonic())
            group.create_task(send(sending))
            due += len(sending.facts) / RATE
    return sent, accepted
