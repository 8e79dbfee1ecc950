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

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from tests.benchmarks.deliveries import Connection, configured, connect, invent, request_of
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, at_most
from tests.integration.child_process import ALL, Program, configuration
from tests.senders import Fact, Sending

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
        accepted, seen = asyncio.run(_measure(sizes, servers, Path(home)))
    first = min(accepted.values()) + WARM_SECONDS
    took = [(seen[fact] - at) * 1000 for fact, at in accepted.items() if at > first]
    cut = quantiles(took, n=1000)
    yield at_most(f"accepted -> visible, {RATE} events/s, p50", cut[499], MEDIAN_MS, "ms")
    yield at_most("  p99", cut[989], P99_MS, "ms")
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    yield Row("  p90; p99.9; the longest", f"{cut[899]:.0f}; {cut[998]:.0f}; {max(took):.0f} ms", f"load {load}")


async def _measure(sizes: Sizes, servers: str, home: Path) -> tuple[Times, Times]:
    """Run the program and the consumer, and send to it; return when each fact was accepted, and when it was read."""
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
        async with _event_reader(servers, f"{prefix}events", count) as output:
            accepted = await _send(port, sendings)
            line = await output.readline()
    finally:
        program.stop()
    if not line:
        raise RuntimeError("the consumer ended before it saw every event")
    return accepted, dict(msgspec.json.decode(line, type=list[tuple[Fact, float]]))


@asynccontextmanager
async def _event_reader(servers: str, topic: str, count: int) -> AsyncIterator[asyncio.StreamReader]:
    """Run the consumer; yield its output once it reads."""
    worker = ("-m", "tests.benchmarks.event_reader", servers, topic, str(count))
    limit = 1_000 * count + 2**16
    reader = await asyncio.create_subprocess_exec(sys.executable, *worker, stdout=asyncio.subprocess.PIPE, limit=limit)
    assert reader.stdout is not None  # for the type checker: it is a pipe
    try:
        await reader.stdout.readline()
        yield reader.stdout
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


async def _send(port: int, sendings: list[Sending]) -> Times:
    """Send at the rate, whether answers come or not; return when the answer to each fact came."""
    accepted: Times = {}
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await connect(port))

    async def send(sending: Sending) -> None:
        connection = await free.get()
        await connection.send(request_of(sending))
        accepted.update(dict.fromkeys(sending.facts, time.monotonic()))
        free.put_nowait(connection)

    due = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for sending in sendings:
            await asyncio.sleep(due - time.monotonic())
            group.create_task(send(sending))
            due += len(sending.facts) / RATE
    return accepted
