"""`python -m tests.demo [--seconds N] [--seed N]`: play the scenario, show the records, check that none is missing."""

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
from tests.demo.polled_platforms import TENANT, PolledPlatforms
from tests.demo.scenario import OVERLAY, Expected, Step, crowd, outage, scripted
from tests.demo.screen import Screen
from tests.kafka import embedded
from tests.kafka.broker import ProcessBroker
from tests.kafka.ports import free_port

CONFIG = """\
topic_prefix = "demo."
[kafka]
bootstrap_servers = "{servers}"
[receiver]
host = "127.0.0.1"
port = {port}
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
START_SECONDS = 60.0
DECIDE_SECONDS = 30.0
READABLE_SECONDS = 10.0
POLL_SECONDS = 0.05
MOST_CROWD = 200


class Failed(Exception):  # noqa: N818  (a message for people)
    """The demo could not be played; the text says why."""


def main() -> int:
    """Play; return 0 where exactly the expected records were published."""
    parser = argparse.ArgumentParser(
        prog="make demo",
        description="Play traffic of three providers through Headrace, which publishes each event once.",
    )
    parser.add_argument("--seconds", type=float, help="end by itself after about so many seconds")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another crowd")
    options = parser.parse_args()
    # The demo has a configuration of its own.
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as home:
        broker = embedded.offer(Path(home))
        try:
            broker.start()
            return asyncio.run(_play(Path(home), broker, options.seconds, options.seed))
        except (Failed, TimeoutError) as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            broker.close()


async def _play(home: Path, broker: ProcessBroker, seconds: float | None, seed: int) -> int:
    admin, port = free_port(), free_port()
    (home / "acme.toml").write_text(OVERLAY)
    os.environ["HEADRACE_CONFIG"] = str(home / "headrace.toml")
    screen = Screen()
    async with PolledPlatforms() as polled:
        text = CONFIG.format(servers=broker.bootstrap_servers, admin=admin, port=port)
        (home / "headrace.toml").write_text("\n".join([text, *(_polled(polled, name) for name in polled.by_name)]))
        config = load(home / "headrace.toml", {})
        screen.say(f"Kafka is {broker.name}, on {broker.bootstrap_servers}.", "Making the topics …")
        await _headrace("topics", "apply", "--profile", "dev", "--partitions", "3")
        screen.say("Starting Headrace: receiver, normalizer and poller in one process …")
        async with _service(home, screen) as decided, Webhooks(port) as webhooks:
            stage = Stage(screen, decided, webhooks, polled)
            await _play_all(stage, broker, admin, seconds, seed)
            faults = await _differences(stage, config)
            file = home / "headrace.toml"
            screen.go_on(admin, broker.bootstrap_servers, file, webhooks.curl(), ends=seconds is not None)
            if seconds is None and not faults:
                screen.say("Ctrl-C ends the demo, and its Kafka: go on in a second terminal.")
                await _until_interrupted()
    return 1 if faults else 0


async def _differences(stage: "Stage", config: Config) -> list[str]:
    """Show the outcome of the scenario; return what differs from the expected."""
    screen = stage.screen
    faults = screen.missing(stage.expected) + screen.unexpected(stage.expected, stage.copies)
    faults += await _log_differs(config, screen)
    await _one_event(config, screen)
    screen.totals()
    for fault in faults:
        screen.say(f"differs: {fault}")
    return faults


def _polled(polled: PolledPlatforms, provider: str) -> str:
    """Configure the tenant that is polled; its webhooks are signed as those of the other one."""
    sender = senders.make(provider, TENANT, secret=SECRETS.get(provider, "demo"))
    pointer = {"webhook_event": "/event"} if provider == "leadping" else {}
    return senders.toml(sender, **polled.settings(provider), **pointer)


class Stage:
    """Plays the steps one at a time; `expected` is what must have become of their records, in order."""

    def __init__(self, screen: Screen, decided: asyncio.Event, webhooks: "Webhooks", polled: PolledPlatforms) -> None:
        self.screen = screen
        self.polled = polled
        self.expected: list[tuple[str, Expected]] = []
        self.copies: set[str] = set()
        """Providers of which an append got no answer in time: it may have arrived all the same."""
        self._record_decided = decided
        self._webhooks = webhooks

    async def play(self, step: Step) -> None:
        """Hand in a step and wait until its records are decided."""
        await self.hand_in(step)
        await self.decided()

    async def hand_in(self, step: Step) -> None:
        """Hand in a step: let it appear where it is polled, deliver a webhook, or read a file."""
        self.expected += [(step.provider, one) for one in step.expected]
        if step.appears:
            clock = self.polled.by_name[step.provider].clock
            clock.advance(step.appears - clock.now)
        if step.hook:
            await self._webhooks.send(step)
        elif step.payload:
            file = ("--provider", step.provider, "--tenant", "acme", "--resource", step.resource, "-")
            await _headrace("ingest", *file, stdin=step.payload)

    async def decided(self) -> None:
        """Wait until the normalizer has decided on everything that was handed in."""
        try:
            async with asyncio.timeout(DECIDE_SECONDS):
                while self.screen.missing(self.expected):
                    self._record_decided.clear()
                    await self._record_decided.wait()
        except TimeoutError:
            raise Failed(f"not decided on in time: {'; '.join(self.screen.missing(self.expected))}") from None


class Webhooks:
    """The platforms' webhooks: signed requests to the receiver at `port`."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._senders = {
            (name, tenant): senders.make(name, tenant, secret=SECRETS.get(name, "demo"))
            for name in senders.SENDERS
            for tenant in TENANTS
        }

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=START_SECONDS))
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
        """Return a curl command that sends a webhook of LeadSquared."""
        call = {
            "ProspectActivityId": str(uuid.uuid4()), "RelatedProspectId": str(uuid.uuid4()), "ActivityEvent": "22",
            "CreatedOn": "2026-11-20 12:00:00", "Data": {"Status": "Answered", "mx_Custom_3": "42"},
        }  # fmt: skip
        sending = self._senders["leadsquared", "acme"].sending_of(json.dumps([call], indent=1).encode())
        headers = (f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in sending.headers().items())
        parts = (f"curl -i {self._url}{sending.path}", *headers, f"  -d {shlex.quote(sending.body.decode())}")
        return " \\\n".join(parts)


async def _play_all(stage: Stage, broker: ProcessBroker, admin: int, seconds: float | None, seed: int) -> None:
    """Play the scripted part, polling, an outage of Kafka, then ordinary traffic until the time is up."""
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    until = loop.time() + (seconds or 20.0) - 4.0
    stage.screen.head()
    for step in scripted(rng):
        await stage.play(step)
    await _while_polled(stage)
    await _without_kafka(stage, broker, admin, rng)
    number = 0
    while loop.time() < until and number < MOST_CROWD:
        await stage.play(crowd(rng, number))
        number += 1


async def _while_polled(stage: Stage) -> None:
    """Play what is polled, after every feed has looked at its platform while it was empty."""
    async with asyncio.timeout(DECIDE_SECONDS):
        while not stage.polled.all_polled:  # noqa: ASYNC110  (the platforms only count)
            await asyncio.sleep(POLL_SECONDS)
    for step in stage.polled.steps():
        if isinstance(step, str):
            stage.screen.remark(step)
        else:
            await stage.play(step)


async def _without_kafka(stage: Stage, broker: ProcessBroker, admin: int, rng: random.Random) -> None:
    """Freeze Kafka: webhooks are acknowledged from the spool meanwhile, and published when Kafka is back."""
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
    """Return the value of one metric."""
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{admin}/metrics") as answer:
        text = await answer.text()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    if found is None:
        raise Failed(f"the metrics have no {name}")
    return float(found[1])


@contextlib.asynccontextmanager
async def _service(home: Path, screen: Screen) -> AsyncIterator[asyncio.Event]:
    """Run all roles, show decided records, and stop them as Kubernetes would; yield an event set at each record."""
    decided, ready = asyncio.Event(), asyncio.Event()
    log = home / "headrace.log"
    process = await asyncio.create_subprocess_exec(
        HEADRACE, "run",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip

    async def follow() -> None:
        assert process.stdout is not None
        with log.open("wb") as file:
            async for line in process.stdout:
                file.write(line)
                entry = _entry(line)
                if entry.get("event") == "record_decided":
                    screen.decided(entry)
                    decided.set()
                elif entry.get("event") == "task_restored" and entry.get("role") != "poller":
                    ready.set()

    following = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(START_SECONDS):
            await asyncio.wait({asyncio.create_task(ready.wait()), following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            raise Failed(f"the service ended: {log.read_text()[-800:]}")
        yield decided
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
    async with asyncio.timeout(START_SECONDS):
        out, _ = await process.communicate(stdin)
    if process.returncode != 0:
        raise Failed(f"headrace {' '.join(arguments[:2])} ended with {process.returncode}: {out.decode()[-800:]}")


async def _log_differs(config: Config, screen: Screen) -> list[str]:
    """Return how the topics differ from the decisions: they must agree, each id once.

    Kafka reports a commit shortly before all consumers can read it: differences are looked at again for a while.
    """
    faults = await _compared(config, screen)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READABLE_SECONDS):
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
    """Show one event as it is on the topic."""
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
