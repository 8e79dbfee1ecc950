"""A poller in a process of its own, to be killed: `python -m tests.integration.poller_process <JSON>`."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from headrace.config import Config, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Tenants
from headrace.kafka.topics import verify
from headrace.observe.health import Health
from headrace.observe.registry import Registry
from headrace.poller import nudge_inbox, open_nudges
from headrace.poller.metrics import PollerMetrics
from headrace.poller.poller import Poller
from headrace.sdk.limits import CallLimits
from tests.fake_provider import polled
from tests.integration.pipeline import DEADLINE
from tests.integration.poller_harness import BRISK


@contextlib.asynccontextmanager
async def process(
    servers: str, prefix: str, url: str, session: int = 6, /, **settings: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a poller; it is killed (SIGKILL) at the end. After `session` seconds others know."""
    argument = msgspec.json.encode((servers, prefix, url, session, settings)).decode()
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, argument, cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await asyncio.wait_for(started.wait(), DEADLINE)


async def _main(servers: str, prefix: str, url: str, session: int, settings: dict[str, Any]) -> None:
    # A session so short that the next process need not wait long for this one.
    kafka = KafkaSettings(bootstrap_servers=servers, session_timeout=session)
    if "limits" in settings:
        settings["limits"] = msgspec.convert(settings["limits"], CallLimits)
    config = Config(topic_prefix=prefix, kafka=kafka, tenants=Tenants([polled(url, **settings)]))
    health = Health(time.monotonic, role="poller")
    metrics = PollerMetrics(Registry("1.2.3"), config.tenants)
    open_nudges.APART_SECONDS, nudge_inbox.TICK_SECONDS = (0.0, 0.0, 0.0), 0.1  # type: ignore[misc]  # no test waits for minutes
    await Poller(LiveConfig(config), await verify(config), metrics, health, BRISK).run()


if __name__ == "__main__":
    asyncio.run(_main(*msgspec.json.decode(sys.argv[1])))
