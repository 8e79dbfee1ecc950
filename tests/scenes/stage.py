"""The service at work on accounts in trouble, and the eyes on it: events, `headrace feeds`, calls, dropped leads."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from confluent_kafka import Consumer, TopicPartition

from headrace_demo import senders
from headrace_demo.simulators.ledger import Key
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import until
from tests.scenes.account import Account, Look
from tests.scenes.scene import WARM_SECONDS

PARTITIONS: Final = 4
GIVES_UP_SECONDS: Final = 240.0
"""After the end of the trouble."""
_LOOK_SECONDS: Final = 10.0
_KEPT_AFTER_SECONDS: Final = 60.0


class Stage:
    """A normalizer and receiver, and a poller, of the environment of `python`."""

    def __init__(self, accounts: Sequence[Account], servers: str, prefix: str, home: Path, python: str) -> None:
        self.accounts: Final = accounts
        self._by_source: Final = {account.sender.source: account for account in accounts}
        self._servers: Final = servers
        self._prefix: Final = prefix
        self._home: Final = home
        self._python: Final = python
        self._pollers = 0
        self.poller: Program
        self.normalizer: Program

    @asynccontextmanager
    async def open(self, *, wrong: bool = False) -> AsyncIterator[None]:
        """Serve the platforms, run the service, watch."""
        async with AsyncExitStack() as stack:
            for account in self.accounts:
                await stack.enter_async_context(account.platform)
            text = self._configuration(wrong=wrong)
            self._apply(text)
            self.normalizer = self._start(text, "normalizer", ("normalizer", "receiver"))
            stack.callback(self.normalizer.child.kill)
            await self.normalizer.ready()
            self.start_poller(wrong=wrong)
            stack.callback(self._kill_poller)
            jobs = [asyncio.create_task(job) for job in (self._events(), self._feeds(), self._calls())]
            try:
                yield
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)

    def start_poller(self, *, wrong: bool = False) -> None:
        """Start a poller; call it from the main thread."""
        self._pollers += 1
        self.poller = self._start(self._configuration(wrong=wrong), f"poller-{self._pollers}", ("poller",))

    def _kill_poller(self) -> None:
        self.poller.child.kill()

    async def stop_poller(self) -> None:
        """End the poller as Kubernetes does."""
        await self._note_dropped()
        await asyncio.to_thread(self.poller.stop)

    async def warm(self) -> None:
        """Wait until the service has read what there was when it began, and some time is over."""
        began = time.time()
        with contextlib.suppress(TimeoutError):
            await until(lambda: not any(self._unread(began)), "all is read", deadline=GIVES_UP_SECONDS, every=1.0)
        await asyncio.sleep(max(0.0, began + WARM_SECONDS - time.time()))

    async def recovered(self) -> None:
        """Wait until the trouble is over and all is published, or nothing comes any more; a minute at least."""

        def over() -> bool:
            now = time.time()
            return all(
                now > account.ends + GIVES_UP_SECONDS
                or (now > account.ends + _KEPT_AFTER_SECONDS and not account.missing(now))
                for account in self.accounts
            )

        await until(over, "the scenes are over", deadline=1_200.0, every=1.0)
        await self._note_dropped()

    def _unread(self, moment: float) -> Iterator[Key]:
        for account in self.accounts:
            if not account.scene.from_start:
                yield from account.missing(moment)

    def _configuration(self, *, wrong: bool) -> str:
        tenants = "\n".join(senders.toml(one.sender, **one.keys(wrong=wrong)) for one in self.accounts)
        return configuration(self._servers, self._prefix, tenants)

    def _start(self, text: str, name: str, roles: Sequence[str]) -> Program:
        return Program(text, self._home, name, roles=roles, python=self._python)

    def _headrace(self) -> list[str]:
        return [str(Path(self._python).with_name("headrace")), "--config", str(self._home / "headrace.toml")]

    async def command(self, *arguments: str) -> bytes:
        """Run a command of the program, and return what it wrote to stdout."""
        running = await asyncio.create_subprocess_exec(
            *self._headrace(), *arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            return (await running.communicate())[0]
        finally:
            if running.returncode is None:  # the scene is over
                running.kill()
                await running.wait()

    def _apply(self, text: str) -> None:
        (self._home / "headrace.toml").write_text(text)
        apply = ("topics", "apply", "--profile", "dev", "--partitions", str(PARTITIONS))
        subprocess.run([*self._headrace(), *apply], check=True, stdout=subprocess.DEVNULL)

    async def _events(self) -> None:
        """Note what is published, and when."""
        consumer = Consumer({"bootstrap.servers": self._servers, "group.id": self._prefix, "log_level": 2})
        topic = f"{self._prefix}events"
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        try:
            while True:
                for message in await asyncio.to_thread(consumer.consume, 500, 0.2):
                    if message.error() is None:
                        self._note(msgspec.json.decode(message.value() or b"{}"), message.timestamp()[1] / 1000)
        finally:
            consumer.close()

    def _note(self, event: Any, at: float) -> None:
        native = event["data"]["native"]
        self._by_source[event["source"]].published[Key(native["resource"], str(native["id"]))].append(at)

    async def _feeds(self) -> None:
        """Ask `headrace feeds` now and then."""
        while True:
            began = time.time()
            await self._note_dropped()
            for row in await self._rows():
                self._by_source[row["source"]].looks.append(Look(began, time.time(), frozenset({row["state"]})))
            await asyncio.sleep(max(1.0, began + _LOOK_SECONDS - time.time()))

    async def _rows(self) -> list[Any]:
        output = await self.command("feeds", "--json")
        return [msgspec.json.decode(line) for line in output.splitlines() if line.startswith(b"{")]

    async def _calls(self) -> None:
        while True:
            for account in self.accounts:
                account.look()
            await asyncio.sleep(1.0)

    async def _note_dropped(self) -> None:
        if not self.poller.child.runs or not self.poller.events("started"):
            return
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError, RuntimeError):
            for (name, labels), value in (await self.poller.numbers()).items():
                if name == "headrace_leads_gone_total":
                    named = dict(labels)
                    account = self._by_source[f"/{named['provider']}/{named['tenant']}"]
                    account.dropped[self.poller.log.stem] = int(value)
