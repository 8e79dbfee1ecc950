"""`headrace status` with Kafka."""

import asyncio
import json
import subprocess
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from headrace.records.cursors import CursorValue, FeedState, Position, Standing, encode, entry, home_partition
from headrace_demo import senders
from tests.integration.command import DEADLINE, PROGRAM, Headrace, first_line
from tests.integration.pipeline import until
from tests.kafka.broker import Broker
from tests.kafka.client import delete_topic
from tests.kafka.plugin import OwnKafka

pytestmark = pytest.mark.apache_kafka

PARTITIONS = 2
SOURCE = "/outreach/north"
BROKEN = "[tenants.outreach.north]\npooling = true\n"


class World:
    """A polled tenant, and the program."""

    def __init__(self, headrace: Headrace) -> None:
        self.headrace = headrace
        self.sender = senders.make("outreach", "north")
        self.configure()

    def configure(self, more: str = "") -> None:
        own = {"polling": True, "access_token": "t", "base_url": "http://127.0.0.1:1"}
        text = f"[receiver]\nport = 0\n{more}" + senders.toml(self.sender, **own)
        (self.headrace.folder / "headrace.toml").write_text(text)

    def store(self, value: CursorValue, *names: str) -> None:
        record = encode(entry(SOURCE, value, *names))
        self.headrace.append("cursors", replace(record, partition=home_partition(SOURCE, PARTITIONS)))

    def is_well(self) -> None:
        """Store what a poller stores of a tenant that is read in time."""
        now = int(time.time() * 1000)
        self.store(FeedState(succeeded=now, next=now + 600_000), "events")
        self.store(Position(b"1", now), "events", "")


def run_in(headrace: Headrace, *words: str, program: str | Path = PROGRAM) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit code."""
    found = {"PATH": f"{PROGRAM.parent}:{headrace.environ['PATH']}"}
    return subprocess.run(
        [program, *words],
        env=headrace.environ | found,
        cwd=headrace.folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.fixture
def world(tmp_path: Path, kafka: Broker, prefix: str) -> World:
    headrace = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    found = World(headrace)
    headrace("topics", "apply", "--profile", "dev", "--partitions", str(PARTITIONS))
    return found


def test_the_exit_code_says_whether_anything_needs_somebody(world: World) -> None:
    """A tenant that is well is none; one that is parked is."""
    headrace = world.headrace
    world.is_well()
    done = headrace("status")
    assert done.stdout.splitlines()[0].endswith("0 notices open, 0 of 2 ways in trouble")
    assert done.stderr == ""
    world.store(Standing(parked=int(time.time() * 1000), sentence="it says 401"))
    assert "it says 401" in headrace("status", code=1).stdout
    rows = [json.loads(line) for line in headrace("status", "--json", code=1).stdout.splitlines()]
    assert [(row["source"], row["via"], row["state"]) for row in rows] == [
        (SOURCE, "poll", "parked"),
        (SOURCE, "webhook", "unwatched"),
    ]
    assert 'no tenant is called "south"' in headrace("status", "-t", "south", code=2).stderr


async def test_without_the_topic_of_notices_it_says_so(world: World) -> None:
    """All the rest is shown."""
    headrace = world.headrace
    await asyncio.to_thread(world.is_well)
    await delete_topic(headrace.servers, f"{headrace.prefix}notices")
    missing = f"There is no topic {headrace.prefix}notices, so no notice: `headrace topics apply` creates it."

    async def shown() -> bool:
        return missing in (await asyncio.to_thread(headrace, "status")).stdout

    await until(shown, "the topic is gone", every=0.5)
    assert "missing" in (await asyncio.to_thread(headrace, "topics", "show")).stdout


def test_a_reader_that_goes_ends_it_with_the_same_verdict(world: World) -> None:
    """`headrace status | head -1`: the exit code is about the tenants all the same."""
    world.store(Standing(parked=int(time.time() * 1000), sentence="it says 401"))
    done = run_in(world.headrace, "-c", 'headrace status | head -1; echo "${PIPESTATUS[0]}"', program="bash")
    first, code = done.stdout.splitlines()
    assert first.endswith("1 of 2 ways in trouble")
    assert (code, done.stderr) == ("1", "")


def test_it_is_drawn_again_and_again(world: World) -> None:
    """With what has come since."""
    world.is_well()
    with world.headrace.start("status", "--watch") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        next(line for line in lines if "0 of 2 ways in trouble" in line)
        world.store(Standing(parked=int(time.time() * 1000), sentence="it says 401"))
        next(line for line in lines if "1 of 2 ways in trouble" in line)


async def test_a_running_process_notes_what_its_files_say(world: World) -> None:
    """A configuration that is refused is open until it is set right, and over at once where the process ends then."""
    headrace = world.headrace
    await asyncio.to_thread(world.is_well)
    (headrace.folder / "good.toml").write_text((headrace.folder / "headrace.toml").read_text())

    async def is_open() -> bool:
        done = await asyncio.to_thread(run_in, headrace, "-c", "good.toml", "status", "--json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        found = [row for row in rows if row.get("notice") == "configuration_refused"]
        assert all("pooling" in row["why"] and row["source"].endswith("/receiver") for row in found)
        assert done.returncode == int(bool(found)), done.stderr
        return bool(found)

    async def is_over() -> bool:
        return not await is_open()

    with headrace.start("run", "--role", "receiver", stderr=subprocess.STDOUT) as process:
        first_line(process)
        (headrace.folder / "headrace.toml").write_text(BROKEN)
        await until(is_open, "it is refused", every=0.3)
        world.configure()
    await until(is_over, "it is over with its process", every=0.3)


@pytest.mark.slow
def test_while_kafka_is_away_it_says_so_and_goes_on(own_kafka: OwnKafka, tmp_path: Path, prefix: str) -> None:
    """What was drawn is drawn again once Kafka is back."""
    broker = own_kafka()
    headrace = Headrace(tmp_path, broker.bootstrap_servers, prefix)
    found = World(headrace)
    headrace("topics", "apply", "--profile", "dev", "--partitions", str(PARTITIONS))
    found.is_well()
    with headrace.start("status", "--watch", stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        next(line for line in lines if "0 of 2 ways in trouble" in line)
        broker.kill()
        next(line for line in lines if line.startswith("Kafka does not answer"))
        broker.start()
        next(line for line in lines if "0 of 2 ways in trouble" in line)
