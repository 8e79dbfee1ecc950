"""The roles, each under the load of its benchmark while it is sampled."""

import asyncio
import secrets
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka import topics
from tests.benchmarks import load
from tests.benchmarks.deliveries import configured, requests, send_all
from tests.benchmarks.polling import keys_of, page_server, running_poller
from tests.benchmarks.receiver import CONNECTIONS, PARTITIONS, UNLIMITED, cpu_of
from tests.benchmarks.whole import WORKER, Stage
from tests.integration.child_process import Program, configuration
from tests.profiling.sampler import Sampler


class Load(Struct, frozen=True):
    """How much each role does; `native`: C functions are sampled as well, which halts a role ten times as long."""

    records: int
    deliveries: int
    polled: int
    partitions: int = PARTITIONS
    native: bool = False


FULL: Final = Load(records=150_000, deliveries=30_000, polled=150_000)
QUICK: Final = Load(records=4_000, deliveries=500, polled=5_000, partitions=2)


class Sampled(Struct, frozen=True):
    """What py-spy wrote of a role, for how many pieces of work, and the CPU seconds of all of it."""

    text: str
    count: int
    unit: str
    seconds: float


def normalizer(load_of: Load, servers: str, home: Path) -> Sampled:
    """Run the normalizer over raw records of all kinds."""
    stage = Stage(servers, load_of.partitions)
    asyncio.run(stage.fill(load.mixed(load_of.records)))
    worker = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert worker.stdin is not None  # for the type checker
    worker.stdin.write(stage.job("ours"))
    worker.stdin.close()
    with Sampler(worker.pid, home / "normalizer.raw", native=load_of.native) as sampler:
        seconds = _until_it_ends(worker)
    return Sampled(sampler.text, load_of.records, "record", seconds)


def receiver(load_of: Load, servers: str, home: Path) -> Sampled:
    """Send deliveries of all kinds to the receiver."""
    return asyncio.run(_receiver(load_of, servers, home))


async def _receiver(load_of: Load, servers: str, home: Path) -> Sampled:
    prefix, kafka = f"b{secrets.token_hex(4)}.", KafkaSettings(bootstrap_servers=servers)
    await topics.apply(Config(kafka=kafka, tenants=Tenants([]), topic_prefix=prefix), "dev", PARTITIONS)
    text = configuration(servers, prefix, configured()).replace("[receiver]", UNLIMITED)
    program = Program(text, home, "receiver", roles=("receiver",))
    try:
        await program.says("kafka_answers")
        port = int((await program.webhooks()).rpartition(":")[2])
        what = requests("all kinds in turn", load_of.deliveries, seed=1)
        began = cpu_of(program.child.pid)
        with Sampler(program.child.pid, home / "receiver.raw", native=load_of.native) as sampler:
            await send_all(port, what, CONNECTIONS)
            seconds = cpu_of(program.child.pid) - began
        return Sampled(sampler.text, len(what), "delivery", seconds)
    finally:
        program.stop()


def poller(load_of: Load, servers: str, home: Path) -> Sampled:
    """Let the poller read pages of Outreach's events."""
    return asyncio.run(_poller(load_of, servers, home))


async def _poller(load_of: Load, servers: str, home: Path) -> Sampled:
    with page_server(home, load_of.polled) as url:
        async with running_poller(servers, home / "poller", "outreach", keys_of(url)) as here:
            began = cpu_of(here.pid)
            with Sampler(here.pid, home / "poller.raw", native=load_of.native) as sampler:
                await here.has_appended(load_of.polled)
                seconds = cpu_of(here.pid) - began
            return Sampled(sampler.text, load_of.polled, "event", seconds)


def _until_it_ends(worker: subprocess.Popen[bytes]) -> float:
    """Return the CPU seconds of a worker at its end."""
    seconds = 0.0
    while worker.poll() is None:
        try:
            seconds = cpu_of(worker.pid)
            worker.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    assert worker.returncode == 0
    return seconds


ROLES: Final[Mapping[str, Callable[[Load, str, Path], Sampled]]] = {
    "normalizer": normalizer,
    "receiver": receiver,
    "poller": poller,
}
