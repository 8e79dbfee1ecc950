"""A million watched leads: what each takes in memory, and for how long the poller's event loop is blocked by them."""

import asyncio
import resource
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from msgspec import Struct

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.resume import resume
from headrace.poller.scheduler import Scheduler
from headrace.poller.state import PartitionState
from headrace.poller.watch_list import append_leads
from headrace.records.cursors import CursorEntry, Position, Watched, decode, encode, entry
from tests.benchmarks.memory import resident
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, at_most
from tests.fake_provider import polled

TARGET_BYTES: Final = 200
TARGET_MS: Final = 50
NOW_MS: Final = 1_795_250_000_000
SOURCE: Final = "/things/t"
FEED: Final = "trail"
_DIGESTS: Final = b"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
"""Of three rows, in base64."""
_PORTIONS: Final = {"guid": "{:08x}-4a10-11f1-8f00-0242ac120099", "number": "{}", "text": "contact-{:024d}"}


class Used(Struct):
    """Bytes of a process: when all is remembered, and at its highest."""

    resident: int
    highest: int


class Job(Struct):
    """Where the topics of a poller stand that polls `url`: it resumes `leads`, then `imported` more come."""

    servers: str
    prefix: str
    url: str
    leads: int
    imported: int


class Blocked(Struct):
    """For how long one callback held the loop at most: milliseconds of CPU, and by the clock.

    So many `callbacks` ran; the process used so many seconds of CPU.
    """

    phase: str
    cpu: float
    wall: float
    callbacks: int
    used: float


class Watching(Struct):
    """What a poller of many leads was seen to do; bytes of its process."""

    blocked: list[Blocked]
    resident: int
    highest: int


def memory_rows(sizes: Sizes) -> Iterator[Row]:
    """Compare what a watched lead takes with the target."""
    for name, names, news in (
        ("GUIDs, no news", "guid", 0),
        ("GUIDs, one in four with news", "guid", 4),
        ("numbers, no news", "number", 0),
        ("32 letters, no news", "text", 0),
    ):
        command = (sys.executable, "-m", __name__, str(sizes.leads), names, str(news))
        used = msgspec.json.decode(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, type=Used)
        title = f"memory a lead, {sizes.leads:,} {name}"
        yield at_most(title, used.resident / sizes.leads, TARGET_BYTES, "bytes")
        yield Row("  at its highest, while it resumes", f"{used.highest / sizes.leads:.1f} bytes", "")


def loop_rows(sizes: Sizes, servers: str) -> Iterator[Row]:
    """Let a poller take over a million leads and then a hundred thousand more: how long is its loop blocked?"""
    with _platform() as url:
        job = Job(servers, f"b{secrets.token_hex(4)}.", url, sizes.leads, sizes.imported)
        asyncio.run(_fill(job))
        seen = _watch(job)
    for found in seen.blocked:
        name = f"longest block of the poller's loop: {found.phase}"
        yield at_most(name, found.cpu, TARGET_MS, "ms of CPU")
        yield Row(
            f"  by the clock, {found.callbacks:,} callbacks, {found.used:.1f} s of CPU", f"{found.wall:.1f} ms", ""
        )
    yield Row(f"poller, {sizes.leads + sizes.imported:,} leads: resident", f"{seen.resident / 1e6:.0f} MB", "")
    yield Row("  at its highest", f"{seen.highest / 1e6:.0f} MB", "")


def entries(count: int, names: str, news: int) -> Iterator[CursorEntry]:
    """Yield what stands in `cursors` of leads that were read once; one in `news` has had news within a week."""
    form = _PORTIONS[names].format
    for number in range(count):
        lead, at = form(number), NOW_MS + number * 7919 % 10**8
        known = b',"known":"%b"' % _DIGESTS if news and number % news == 0 else b""
        yield entry(SOURCE, Watched(NOW_MS + number, "feed", NOW_MS), lead)
        yield entry(SOURCE, Position(b'{"read":%d%b}' % (at - 7, known), at), FEED, lead)


def cursor_entries(count: int) -> Iterator[CursorEntry]:
    """Yield the same as the fake provider's feed writes it."""
    for one in entries(count, "guid", 0):
        value = Position(b"0", one.value.at) if isinstance(one.value, Position) else one.value
        yield msgspec.structs.replace(one, value=value)


async def _fill(job: Job) -> None:
    """Write `cursors` as a poller would, without the markers of transactions."""
    kafka = KafkaSettings(bootstrap_servers=job.servers)
    await topics.apply(Config(kafka=kafka, tenants=Tenants([]), topic_prefix=job.prefix), "dev", 1)
    producer = AIOKafkaProducer(bootstrap_servers=job.servers, acks="all", compression_type=kafka.codec("cursors"))
    await producer.start()
    try:
        batch = producer.create_batch()
        for one in cursor_entries(job.leads):
            record = encode(one)
            if batch.append(timestamp=None, key=record.key, value=record.written, headers=[]) is None:
                await producer.send_batch(batch, f"{job.prefix}cursors", partition=0)
                batch = producer.create_batch()
                batch.append(timestamp=None, key=record.key, value=record.written, headers=[])
        await producer.send_batch(batch, f"{job.prefix}cursors", partition=0)
        await producer.flush()
    finally:
        await producer.stop()


def _watch(job: Job) -> Watching:
    command = (sys.executable, "-m", "tests.benchmarks.leads_worker", msgspec.json.encode(job).decode())
    with subprocess.Popen(command, stdout=subprocess.PIPE) as poller:
        assert poller.stdout
        try:
            assert poller.stdout.readline() == b"resumed\n"
            asyncio.run(_import(job))
            return msgspec.json.decode(poller.stdout.readline(), type=Watching)
        finally:
            poller.kill()


async def _import(job: Job) -> None:
    config = Config(kafka=KafkaSettings(bootstrap_servers=job.servers), tenants=Tenants([]), topic_prefix=job.prefix)
    leads = (f"imported-{number}" for number in range(job.imported))
    async for _ in append_leads(config, SOURCE, leads):
        pass


class _Empty(BaseHTTPRequestHandler):
    """A platform where nothing happens."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer an empty page."""
        body = b'{"rows":[],"leads":[],"last":0,"more":false}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def _platform() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def remember(count: int, names: str, news: int) -> tuple[PartitionState, Scheduler]:
    """Restore and resume as a poller does."""
    state = PartitionState()
    for one in entries(count, names, news):
        record = encode(one)
        state.apply([decode(record.key, record.written or b"")])
    account = polled("http://127.0.0.1:1", feeds=[FEED])
    scheduler = Scheduler(account.provider.feeds(account.settings))  # type: ignore[attr-defined]  # it is polled
    policy = FaultPolicy(scheduler, CircuitBreaker())
    for _ in resume(state.of(SOURCE), scheduler, policy, by_lead=[FEED], named=()):
        pass
    return state, scheduler


def highest() -> int:
    """Return the highest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _main(count: int, names: str, news: int) -> Used:
    remember(1_000, names, news)  # what is loaded at first use is not measured
    before = resident()
    held = remember(count, names, news)
    used = Used(resident() - before, highest() - before)
    assert held[1].watched(FEED) == count
    return used


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
