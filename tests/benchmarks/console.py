"""The page before 1,000 tenants and 10,000 events a second: how soon it answers, what it takes while nobody looks."""

import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import quantiles
from typing import Final
from uuid import uuid4

import aiohttp
import msgspec
from confluent_kafka import Producer

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.explain import explain_raw
from headrace.kafka import topics
from headrace.records.cursors import FeedState, Position, encode, entry, home_partition
from tests.benchmarks import load
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, at_most
from tests.kafka.ports import free_port

RATE: Final = 10_000
PARTITIONS: Final = 12
SAMPLES: Final = 400
BUSY_CORE: Final = 100.0
_ANSWERS_MS: Final = 200.0
_IDLE_PERCENT: Final = 5.0
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Fill the topics, send events at a steady rate, and look at the page meanwhile."""
    name = f"console-{uuid4().hex[:8]}."
    kafka = KafkaSettings(bootstrap_servers=servers)
    asyncio.run(topics.apply(Config(topic_prefix=name, kafka=kafka, tenants=Tenants([])), "dev", PARTITIONS))
    with tempfile.TemporaryDirectory() as home, _sending(servers, name, sizes):
        port = _configure(Path(home), servers, name, sizes.tenants)
        with _page(Path(home)) as process:
            yield from asyncio.run(_looked_at(port, process.pid, sizes))


async def _looked_at(port: int, pid: int, sizes: Sizes) -> list[Row]:
    about = f"{sizes.tenants:,} tenants, {RATE:,} events a second"
    url, found = f"http://127.0.0.1:{port}", []
    async with aiohttp.ClientSession() as session:
        await _answers(session, url)
        idle = await _percent(pid, sizes.watched)
        found.append(at_most(f"console, CPU of a core while nobody looks ({about})", idle, _IDLE_PERCENT, "%"))
        async with session.get(f"{url}/live?page=overview", timeout=aiohttp.ClientTimeout(None)) as stream:
            draining = asyncio.create_task(_drain(stream))
            try:
                await asyncio.sleep(sizes.watched / 2)
                for path in ("/", "/events", "/partitions"):
                    worst = await _times(session, url + path, sizes.watched / 2)
                    found.append(at_most(f"  {path}, 99 of 100 answers while it reads", worst, _ANSWERS_MS, "ms"))
                looking = await _percent(pid, sizes.watched)
            finally:
                draining.cancel()
    found.append(Row("  CPU of a core while somebody looks", f"{looking:.0f} %", ""))
    found.append(Row("  memory", f"{_memory(pid):.0f} MiB", ""))
    return found


async def _answers(session: aiohttp.ClientSession, url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(aiohttp.ClientError):
            async with session.get(url + "/static/icon.svg") as answer:
                if answer.status == 200:
                    return
        await asyncio.sleep(0.1)
    raise TimeoutError("the page does not answer")


async def _drain(stream: aiohttp.ClientResponse) -> None:
    async for _ in stream.content:
        pass


async def _times(session: aiohttp.ClientSession, url: str, seconds: float) -> float:
    """Return how many milliseconds 99 of 100 answers take at most, asked for twenty times a second."""
    taken: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(taken) < 2:
        began = time.perf_counter()
        async with session.get(url) as answer:
            await answer.read()
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.05)
    return quantiles(taken, n=100, method="inclusive")[98]


async def _percent(pid: int, seconds: float) -> float:
    began, used = time.monotonic(), _cpu(pid)
    await asyncio.sleep(seconds)
    return (_cpu(pid) - used) / (time.monotonic() - began) * BUSY_CORE


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _configure(home: Path, servers: str, name: str, tenants: int) -> int:
    """Write a configuration with polled tenants; return the page's port."""
    port = free_port()
    tables = "".join(
        f'[tenants.outreach.t{number}]\npolling = true\nclient_id = "c{number}"\nclient_secret = "s"\n'
        f'redirect_uri = "https://example.com"\nrefresh_token = "r"\ntoken_key = "{"k" * 32}"\n'
        'webhook_secrets = ["s"]\n'
        for number in range(tenants)
    )
    (home / "headrace.toml").write_text(
        f'topic_prefix = "{name}"\n[kafka]\nbootstrap_servers = "{servers}"\n[console]\nport = {port}\n{tables}'
    )
    return port


@contextmanager
def _page(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen((sys.executable, "-m", "headrace", "console"), cwd=home, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _sending(servers: str, name: str, sizes: Sizes) -> Iterator[None]:
    """Write the cursors of all tenants, and send events from a process of its own."""
    producer = Producer({"bootstrap.servers": servers})
    now = int(time.time() * 1000)
    for number in range(sizes.tenants):
        source = f"/outreach/t{number}"
        state = FeedState(turns=9, succeeded=now, next=now + 3_600_000)
        for one in (entry(source, state, "events"), entry(source, Position(b"{}", now), "events", "")):
            out = encode(one)
            place = home_partition(source, PARTITIONS)
            producer.produce(f"{name}cursors", out.value, out.key, place, headers=list(out.headers))
    producer.flush(30)
    process = subprocess.Popen((sys.executable, "-m", "tests.benchmarks.console", servers, name, str(sizes.tenants)))
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _values(tenants: int) -> Sequence[bytes]:
    """Return events of all tenants, as the normalizer writes them."""
    account = next(one for one in load.tenants() if one.provider.name == "outreach")
    raws = load.raw_events(("outreach", "event"), SAMPLES)
    events = [explain_raw(account.provider, account.mapping, raw, number=1).event for raw in raws]
    values: list[bytes] = []
    for number, event in zip(range(max(SAMPLES, tenants)), itertools.cycle(events)):
        assert event is not None
        native = msgspec.structs.replace(event.data.native, tenant=f"t{number % tenants}")
        data = msgspec.structs.replace(event.data, native=native)
        source = f"/outreach/t{number % tenants}"
        values.append(_encode(msgspec.structs.replace(event, source=source, data=data)))
    return values


def _send(servers: str, name: str, tenants: int) -> None:
    """Send events at the rate until killed; for ten minutes at most."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 20, "compression.type": "zstd"})
    values, began, sent = _values(tenants), time.monotonic(), 0
    while (seconds := time.monotonic() - began) < 600:
        for number in range(sent, int(seconds * RATE)):
            producer.produce(f"{name}events", values[number % len(values)], partition=number % PARTITIONS)
        sent = int(seconds * RATE)
        producer.poll(0.01)


if __name__ == "__main__":
    _send(sys.argv[1], sys.argv[2], int(sys.argv[3]))
