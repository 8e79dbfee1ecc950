"""The receiver in this process, on the loopback, with its ingress and spool, and what then stands on the topics."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from headrace import __version__
from headrace.config import Config, load
from headrace.config.live import LiveConfig
from headrace.kafka import topics
from headrace.kafka.consumer import Record, read
from headrace.observe.health import ReceiverHealth
from headrace.observe.registry import Registry
from headrace.receiver.ingress import Ingress
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.receiver import Receiver
from headrace.records.raw import from_raw_record
from headrace.sdk.provider import RawEvent
from headrace.spool import Spool
from headrace_demo import senders
from headrace_demo.senders import Sender, Sending
from tests.integration.child_process import configuration
from tests.integration.pipeline import DEADLINE, until

NOBODY = "127.0.0.1:1"
"""Servers at which no Kafka ever answers."""


@dataclass(frozen=True)
class Answer:
    """What came back; a connection that was closed without an answer has the status 0."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of the problem."""
        found: str = msgspec.json.decode(self.body)["code"]
        return found


@dataclass
class ReceiverHarness:
    """A receiver at work, and what it says of itself."""

    config: Config
    server: Receiver
    registry: Registry
    health: ReceiverHealth
    client: aiohttp.ClientSession
    stop: Callable[[], Any]
    live: LiveConfig

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server.port}"

    async def send(
        self, sending: Sending, over: Mapping[str, str] = {}, *, method: str = "POST", body: bytes | None = None
    ) -> Answer:
        """Send a delivery; `over` replaces headers (names in lower case), or leaves them out where empty."""
        headers = {name.lower(): value for name, value in sending.headers().items()} | dict(over)
        sent = {name: value for name, value in headers.items() if value}
        return await self.ask(method, sending.path, sending.body if body is None else body, sent)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Send any request."""
        try:
            async with self.client.request(
                method, self.url + path, data=body, headers=headers, skip_auto_headers=("Content-Type",)
            ) as answer:
                return Answer(answer.status, dict(answer.headers), await answer.read())
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            return Answer(0, {}, b"")

    async def talk(self, data: bytes, deadline: float = DEADLINE) -> bytes:
        """Send bytes as they are; return all that comes back until the connection ends."""
        return await talk(self.server.port or 0, data, deadline)

    async def records(self, topic: str) -> list[Record]:
        """Return what stands on a topic."""
        async with asyncio.timeout(DEADLINE):
            name = self.config.topic_prefix + topic
            return [record async for record in read(self.config.kafka, name)]

    async def raw(self) -> list[RawEvent]:
        """Return what stands on raw."""
        return [from_raw_record(record.headers, record.value) for record in await self.records("raw")]

    def refusals(self) -> dict[tuple[str, ...], int]:
        """Return how many requests were refused, by provider, tenant and reason."""
        counted = self.registry.series("headrace_refusals_total").values
        return {labels: int(count) for labels, count in counted.items() if count}

    def count(self, name: str) -> int:
        """Return a counter, summed up over its labels."""
        return int(sum(self.registry.series(name).values.values()))


async def talk(port: int, data: bytes, deadline: float = DEADLINE) -> bytes:
    """Send bytes to a port; return all that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    try:
        async with asyncio.timeout(deadline):
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                while chunk := await reader.read(65536):
                    found += chunk
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return found


@contextlib.asynccontextmanager
async def running_receiver(
    servers: str,
    prefix: str,
    home: Path,
    *accounts: Sender,
    receiver: str = "",
    spool: str = "",
    change: Callable[[Config], Config] = lambda config: config,
    **more: object,
) -> AsyncIterator[ReceiverHarness]:
    """Run a receiver for the accounts; `receiver` and `spool` are lines of those tables, `more` of tenants."""
    file = home / "headrace.toml"
    text = configuration(servers, prefix, senders.toml(*accounts, **more), more=f"[spool]\n{spool}")
    file.write_text(text.replace("[receiver]", f"[receiver]\n{receiver}"))
    config = change(load(file, {}))
    if servers != NOBODY:
        async with asyncio.timeout(DEADLINE):
            await topics.apply(config, "dev", 2)
    registry, health = Registry(__version__), ReceiverHealth(time.monotonic)
    metrics = ReceiverMetrics(registry, config.tenants)
    async with Spool(home / "spool.db", config.spool.max_bytes) as waiting, aiohttp.ClientSession() as client:
        ingress = Ingress(config, waiting, metrics, health)
        live = LiveConfig(config)
        live.follow(lambda config: metrics.know(config.tenants))
        found = Receiver(live, ingress, metrics, health)
        keeping, serving = asyncio.create_task(ingress.run()), asyncio.create_task(found.run())
        try:
            await until(lambda: found.port is not None, "the receiver listens")
            if servers != NOBODY:
                await until(lambda: ingress.answers, "Kafka answers")
            yield ReceiverHarness(config, found, registry, health, client, serving.cancel, live)
        finally:
            for task in (serving, keeping):  # in this order: what came in has to get through
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    async with asyncio.timeout(DEADLINE):
                        await task
