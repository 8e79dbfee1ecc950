"""A service at work, and its page: the demo's tenants and simulated platforms, on the Kafka of the tests."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from headrace.config import KafkaSettings
from headrace.kafka.appender import Appender
from headrace.providers.discover import discover
from headrace.records.raw import place, to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_demo.configuration import tenants
from headrace_demo.polled_platforms import PolledPlatforms
from headrace_demo.scenario import Step
from headrace_demo.webhooks import Webhooks
from headrace_events import Via
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import make_pipeline

ROLES: Final = ("all", "console")
PARTITIONS: Final = 3


class ServiceAtWork:
    """One process of the service; `url` is where its page is."""

    def __init__(self, program: Program, servers: str, prefix: str, polled: PolledPlatforms) -> None:
        self.url: Final = str(program.events("console_open")[-1]["url"])
        self.polled: Final = polled
        self._kafka: Final = KafkaSettings(bootstrap_servers=servers)
        self._raw: Final = f"{prefix}raw"
        self._port: Final = int(str(program.events("receiver_opened")[-1]["port"]))

    async def play(self, *steps: Step) -> None:
        """Deliver webhooks, and append what the demo reads from files."""
        async with Webhooks(self._port) as webhooks:
            for step in steps:
                if step.hook:
                    await webhooks.send(step)
                else:
                    await self.ingest(step.provider, step.resource, step.payload)

    async def ingest(self, provider: str, resource: str, body: Any) -> None:
        """Append the records of one body to raw, as `headrace ingest` does."""
        value = body if isinstance(body, bytes) else json.dumps(body).encode()
        known, now = discover()[provider], time.time_ns() // 1_000_000
        async with Appender(self._kafka) as appender:
            for piece in known.cut(value, resource):
                raw = RawEvent(
                    provider=provider, tenant="acme", shape=piece.shape, value=piece.value, via=Via.INGEST,
                    received=now, hint=piece.hint,
                )  # fmt: skip
                out = to_raw_record(known, raw)
                await appender.append(self._raw, place(out.key, PARTITIONS), out)


@asynccontextmanager
async def at_work(servers: str, prefix: str, home: Path) -> AsyncIterator[ServiceAtWork]:
    """Start a service with all roles and the page, over topics in which there is nothing yet; end it in order."""
    await make_pipeline(servers, prefix, partitions=PARTITIONS)
    async with PolledPlatforms() as polled:
        page = "[console]\nport = 0"
        program = Program(configuration(servers, prefix, tenants(home, polled), "6s", page), home, "all", roles=ROLES)
        try:
            await program.ready()
            yield ServiceAtWork(program, servers, prefix, polled)
            assert await asyncio.to_thread(program.stop) == 0, program.tail()
        finally:
            program.child.kill()
