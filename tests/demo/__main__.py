"""`python -m tests.demo [--seconds N] [--seed N]`: play the story, show what happens, check that it is all of it."""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import shlex
import signal
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec

from headrace.config import Config, load
from headrace.kafka.consumer import read
from headrace_events import decode
from tests import senders
from tests.demo.polled import TENANT, Polled
from tests.demo.scenario import OVERLAY, Expected, Step, crowd, outage, story
from tests.demo.show import Screen
from tests.kafka import embedded
from tests.kafka.broker import ProcessBroker
from tests.kafka.ports import free_port

CONFIG = """\
topic_prefix = "demo."
[kafka]
bootstrap_servers = "{servers}"
[receiver]
host = "127.0.0.1"
port = {door}
[admin]
host = "127.0.0.1"
port = {admin}
[log]
format = "json"
level = "debug"
[tenants.leadsquared.acme]
webhook_secrets = ["demo"]
mapping = "acme.toml"
[tenants.leadping.acme]
webhook_secrets = ["whsec_ZGVtby1zZWNyZXQtb2YtdHdlbnR5LWZvdXItYnl0ZXM="]
webhook_event = "/event"
[tenants.outreach.acme]
webhook_secrets = ["demo"]
"""
TENANTS = ("acme", TENANT)
SECRETS = {"leadping": "whsec_ZGVtby1zZWNyZXQtb2YtdHdlbnR5LWZvdXItYnl0ZXM="}
HEADRACE = Path(sys.executable).with_name("headrace")
STARTS_WITHIN = 60.0
DECIDES_WITHIN = 30.0
READABLE_WITHIN = 10.0
LOOKS_EVERY = 0.05
MOST_CROWD = 200


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
            return asyncio.run(_play(Path(home), broker, asked.seconds, asked.seed))
        except (Failed, TimeoutError) as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            broker.close()


async def _play(home: Path, broker: ProcessBroker, seconds: float | None, seed: int) -> int:
    admin, door = free_port(), free_port()
    (home / "acme.toml").write_text(OVERLAY)
    os.environ["HEADRACE_CONFIG"] = str(home / "headrace.toml")
    screen = Screen()
    async with Polled() as polled:
        text = CONFIG.format(servers=broker.bootstrap_servers, admin=admin, door=door)
        (home / "headrace.toml").write_text("\n".join([text, *(_polled(polled, name) for name in polled.by_name)]))
        config = load(home / "headrace.toml", {})
        await _headrace("topics", "apply", "--profile", "dev", "--partitions", "3")
        async with _service(home, screen) as told, Hooks(door) as hooks:
            stage = Stage(screen, told, hooks, polled)
            await _tell(stage, broker, admin, seconds, seed)
            faults = await _judged(stage, config)
            screen.go_on(admin, hooks.curl(), ends=seconds is not None)
            if seconds is None and not faults:
                screen.say("Ctrl-C ends the demo.")
                await _until_interrupted()
    return 1 if faults else 0


async def _judged(stage: "Stage", config: Config) -> list[str]:
    """Show what came of the story, and say what of it differs."""
    screen = stage.screen
    faults = screen.missing(stage.expected) + screen.unexpected(stage.expected, stage.copies)
    faults += await _log_differs(config, screen)
    await _one_event(config, screen)
    screen.totals()
    for fault in faults:
        screen.say(f"differs: {fault}")
    return faults


def _polled(polled: Polled, provider: str) -> str:
    """Configure the tenant that is polled; its webhooks are signed as those of the other one."""
    sender = senders.make(provider, TENANT, secret=SECRETS.get(provider, "demo"))
    pointer = {"webhook_event": "/event"} if provider == "leadping" else {}
    return senders.toml(sender, **polled.settings(provider), **pointer)


class Stage:
    """Where the steps are told, one at a time; `expected` is what must have come of them, in order."""

    def __init__(self, screen: Screen, told: asyncio.Event, hooks: "Hooks", polled: Polled) -> None:
        self.screen = screen
        self.polled = polled
        self.expected: list[tuple[str, Expected]] = []
        self.copies: set[str] = set()
        """Providers of which an append got no answer in time: it may have arrived all the same."""
        self._told = told
        self._hooks = hooks

    async def tell(self, step: Step) -> None:
        """Hand in a step and wait for what comes of it."""
        await self.hand_in(step)
        await self.decided()

    async def hand_in(self, step: Step) -> None:
        """Hand in a step: let it appear where it is polled, deliver a webhook, or read a file."""
        self.expected += [(step.provider, one) for one in step.expected]
        if step.appears:
            clock = self.polled.by_name[step.provider].clock
            clock.advance(step.appears - clock.now)
        if step.hook:
            await self._hooks.send(step)
        elif step.payload:
            file = ("--provider", step.provider, "--tenant", "acme", "--resource", step.resource, "-")
            await _headrace("ingest", *file, stdin=step.payload)

    async def decided(self) -> None:
        """Wait until the normalizer has decided on everything that was handed in."""
        try:
            async with asyncio.timeout(DECIDES_WITHIN):
                while self.screen.missing(self.expected):
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            raise Failed(f"not decided on in time: {'; '.join(self.screen.missing(self.expected))}") from None


class Hooks:
    """The platforms' webhooks: signed requests to the door at `port`."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._senders = {
            (name, tenant): senders.make(name, tenant, secret=SECRETS.get(name, "demo"))
            for name in senders.SENDERS
            for tenant in TENANTS
        }

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=STARTS_WITHIN))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()

    async def send(self, step: Step) -> None:
        """Deliver a webhook; raise `Failed` where it is not acknowledged."""
        sending = self._senders[step.provider, step.tenant].sending_of(step.payload)
        async with self._client.post(self._url + sending.path, data=sending.body, headers=sending.headers()) as answer:
            if answer.status not in (200, 202):
                raise Failed(f"a webhook of {step.provider} was answered {answer.status}: {await answer.text()}")

    def curl(self) -> str:
        """Write a webhook of LeadSquared that can be typed as it stands."""
        call = {
            "ProspectActivityId": str(uuid.uuid4()), "RelatedProspectId": str(uuid.uuid4()), "ActivityEvent": "22",
            "CreatedOn": "2026-11-20 12:00:00", "Data": {"Status": "Answered", "mx_Custom_3": "42"},
        }  # fmt: skip
        sending = self._senders["leadsquared", "acme"].sending_of(json.dumps([call]).encode())
        headers = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in sending.headers().items())
        return f"curl -i {self._url}{sending.path} {headers} -d {shlex.quote(sending.body.decode())}"


async def _tell(stage: Stage, broker: ProcessBroker, admin: int, seconds: float | None, seed: int) -> None:
    """Tell the story, what happens while Kafka is away, then ordinary traffic until the time is up."""
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    until = loop.time() + (seconds or 20.0) - 4.0
    stage.screen.head()
    for step in story(rng):
        await stage.tell(step)
    await _while_polled(stage)
    await _without_kafka(stage, broker, admin, rng)
    number = 0
    while loop.time() < until and number < MOST_CROWD:
        await stage.tell(crowd(rng, number))
        number += 1


async def _while_polled(stage: Stage) -> None:
    """Tell what is polled, once every feed has looked at its platform before anything is there."""
    async with asyncio.timeout(DECIDES_WITHIN):
        while not stage.polled.asked:  # noqa: ASYNC110  (the platforms only count)
            await asyncio.sleep(LOOKS_EVERY)
    for step in stage.polled.story():
        if isinstance(step, str):
            stage.screen.remark(step)
        else:
            await stage.tell(step)


async def _without_kafka(stage: Stage, broker: ProcessBroker, admin: int, rng: random.Random) -> None:
    """Freeze Kafka: what comes in meanwhile is acknowledged out of the spool, and published when Kafka is back."""
    stage.screen.remark("Kafka goes away. Webhooks come in all the same:")
    broker.pause()
    try:
        count = 0
        for step in outage(rng):
            await stage.hand_in(step)
            stage.screen.acknowledged(step.provider)
            stage.copies.add(step.provider)
            count += 1
        waiting = await _gauge(admin, "headrace_spool_records")
        stage.screen.remark(
            f"{count} webhooks are acknowledged, {waiting:.0f} records wait in the spool. Kafka comes back:"
        )
    finally:
        broker.resume()
    await stage.decided()
    if waiting < count:
        raise Failed(f"the spool held {waiting:.0f} records while Kafka was away, and not {count}")


async def _gauge(admin: int, name: str) -> float:
    """Read one number off the metrics."""
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{admin}/metrics") as answer:
        text = await answer.text()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    if found is None:
        raise Failed(f"the metrics do not tell {name}")
    return float(found[1])


@contextlib.asynccontextmanager
async def _service(home: Path, screen: Screen) -> AsyncIterator[asyncio.Event]:
    """Run all roles, show what is decided, and end them as Kubernetes would."""
    told, ready = asyncio.Event(), asyncio.Event()
    log = home / "headrace.log"
    process = await asyncio.create_subprocess_exec(
        HEADRACE, "run",
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
                elif entry.get("event") == "task_restored" and entry.get("role") != "poller":
                    ready.set()

    following = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(STARTS_WITHIN):
            await asyncio.wait({asyncio.create_task(ready.wait()), following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            raise Failed(f"the service ended: {log.read_text()[-800:]}")
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
