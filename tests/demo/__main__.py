"""`python -m tests.demo [--seconds N] [--seed N]`: play the story, show what happens, check that it is all of it."""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from headrace.config import Config, load
from headrace.kafka.log import read
from headrace_events import decode
from tests.demo.show import Screen
from tests.demo.story import OVERLAY, Expected, Step, crowd, story
from tests.kafka import embedded
from tests.kafka.ports import free_port

CONFIG = """\
topic_prefix = "demo."
[kafka]
bootstrap_servers = "{servers}"
[admin]
host = "127.0.0.1"
port = {port}
[log]
format = "json"
level = "debug"
[tenants.leadsquared.acme]
webhook_secrets = ["demo"]
mapping = "acme.toml"
[tenants.leadping.acme]
webhook_secrets = ["whsec_ZGVtby1zZWNyZXQtb2YtdHdlbnR5LWZvdXItYnl0ZXM="]
[tenants.outreach.acme]
webhook_secrets = ["demo"]
"""
HEADRACE = Path(sys.executable).with_name("headrace")
STARTS_WITHIN = 60.0
DECIDES_WITHIN = 30.0
READABLE_WITHIN = 10.0


class Failed(Exception):  # noqa: N818  (what happened, told to a person)
    """The demo could not be played; the text says why."""


def main() -> int:
    """Play; 0 where what came out is exactly what the story must give."""
    parser = argparse.ArgumentParser(
        prog="make demo", description="Three providers tell a story; Headrace publishes it once."
    )
    parser.add_argument("--seconds", type=float, help="end by itself after about so many seconds")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another crowd")
    asked = parser.parse_args()
    # The demo belongs to nobody's configuration.
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as home:
        broker = embedded.offer(Path(home))
        try:
            broker.start()
            return asyncio.run(_play(Path(home), broker.bootstrap_servers, asked.seconds, asked.seed))
        except (Failed, TimeoutError) as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            broker.close()


async def _play(home: Path, servers: str, seconds: float | None, seed: int) -> int:
    port = free_port()
    (home / "acme.toml").write_text(OVERLAY)
    (home / "headrace.toml").write_text(CONFIG.format(servers=servers, port=port))
    os.environ["HEADRACE_CONFIG"] = str(home / "headrace.toml")
    config = load(home / "headrace.toml", {})
    await _headrace("topics", "apply", "--profile", "dev", "--partitions", "3")
    screen = Screen()
    async with _normalizer(home, screen) as told:
        expected = await _tell(screen, told, seconds, seed)
        faults = screen.differs(expected) + await _log_differs(config, screen)
        await _one_event(config, screen)
        screen.totals()
        for fault in faults:
            screen.say(f"differs: {fault}")
        screen.go_on(port, ends=seconds is not None)
        if seconds is None and not faults:
            screen.say("Ctrl-C ends the demo.")
            await _until_interrupted()
    return 1 if faults else 0


async def _tell(screen: Screen, told: asyncio.Event, seconds: float | None, seed: int) -> list[tuple[str, Expected]]:
    """Hand in the story, then ordinary traffic until the time is up; give what must have come of it, in order."""
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    until = loop.time() + (seconds or 20.0) - 4.0
    expected: list[tuple[str, Expected]] = []
    steps = list(story(rng))
    screen.head()
    number = 0
    while steps or (loop.time() < until and number < 200):
        step = steps.pop(0) if steps else crowd(rng, number)
        number += not steps
        await _hand_in(step)
        expected += [(step.provider, one) for one in step.expected]
        await _decided(screen, told, len(expected))
    return expected


async def _hand_in(step: Step) -> None:
    await _headrace(
        "ingest", "--provider", step.provider, "--tenant", "acme", "--resource", step.resource, "-", stdin=step.payload
    )


async def _decided(screen: Screen, told: asyncio.Event, count: int) -> None:
    """Wait until the normalizer has decided on so many records: the story is told one step at a time."""
    try:
        async with asyncio.timeout(DECIDES_WITHIN):
            while len(screen.decisions) < count:
                told.clear()
                await told.wait()
    except TimeoutError:
        raise Failed(f"only {len(screen.decisions)} of {count} records were decided on in time") from None


@contextlib.asynccontextmanager
async def _normalizer(home: Path, screen: Screen) -> AsyncIterator[asyncio.Event]:
    """Run the normalizer, show what it decides, and end it as Kubernetes would."""
    told, ready = asyncio.Event(), asyncio.Event()
    log = home / "normalizer.log"
    process = await asyncio.create_subprocess_exec(
        HEADRACE, "run", "--role", "normalizer",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip

    async def follow() -> None:
        assert process.stdout is not None
        with log.open("wb") as kept:
            async for line in process.stdout:
                kept.write(line)
                entry = _entry(line)
                if entry.get("event") == "record_decided":
                    screen.decided(entry)
                    told.set()
                elif entry.get("event") == "task_restored":
                    ready.set()

    following = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(STARTS_WITHIN):
            await asyncio.wait({asyncio.create_task(ready.wait()), following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            raise Failed(f"the normalizer ended: {log.read_text()[-800:]}")
        yield told
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await following


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return entry


async def _headrace(*arguments: str, stdin: bytes = b"") -> None:
    process = await asyncio.create_subprocess_exec(
        HEADRACE, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(STARTS_WITHIN):
        out, _ = await process.communicate(stdin)
    if process.returncode != 0:
        raise Failed(f"headrace {' '.join(arguments[:2])} ended with {process.returncode}: {out.decode()[-800:]}")


async def _log_differs(config: Config, screen: Screen) -> list[str]:
    """Compare what stands on Kafka with what was decided: it must be the same, each id once.

    Kafka says that a transaction is committed shortly before everybody can read it: look again, for a while.
    """
    faults = await _compared(config, screen)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READABLE_WITHIN):
            while faults:
                faults = await _compared(config, screen)
    return faults


async def _compared(config: Config, screen: Screen) -> list[str]:
    ids: Counter[tuple[str, str]] = Counter()
    async for record in read(config.kafka, f"{config.topic_prefix}events"):
        event = decode(record.value or b"")
        ids[event.source, event.id] += 1
    letters = 0
    async for _ in read(config.kafka, f"{config.topic_prefix}dead-letters"):
        letters += 1
    faults = [f"{source} {id_} stands {count} times on events" for (source, id_), count in ids.items() if count > 1]
    fates = Counter(decision["fate"] for decision in screen.decisions)
    for what, found in (("published", len(ids)), ("dead", letters)):
        if fates[what] != found:
            faults.append(f"{fates[what]} {what}, but {found} on the topic")
    return faults


async def _one_event(config: Config, screen: Screen) -> None:
    """Show one event as it stands on the topic."""
    async for record in read(config.kafka, f"{config.topic_prefix}events"):
        event = decode(record.value or b"")
        if event.word == "call.completed" and "leadping" in event.source:
            screen.event(msgspec.json.format(record.value or b"", indent=2).decode())
            return


async def _until_interrupted() -> None:
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    await interrupted.wait()


if __name__ == "__main__":
    sys.exit(main())
