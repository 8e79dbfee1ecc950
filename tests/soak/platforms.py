"""`python -m tests.soak.platforms ORDER`: the process that serves the polled accounts, and sends webhooks of one.

What it serves stands in a file, by provider, once all are open.
"""

import asyncio
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from msgspec import Struct

from headrace_demo.senders import Sending
from headrace_demo.simulators.history import History
from headrace_demo.simulators.webhooks import sendings
from tests.soak.courier import Courier
from tests.soak.polled import SHARES, Span, sender, simulator

BY_WEBHOOK: Final = "leadsquared"
_COURIERS: Final = 8
_ATTEMPTS: Final = 20
_PATIENCE: Final = 20.0
_EVERY: Final = 1.0


class PlatformsOrder(Struct):
    """What to serve, where the file goes, and the doors of the receivers."""

    home: str
    span: Span
    doors: list[int]


async def serve(order: PlatformsOrder) -> None:
    """Serve until the process is ended."""
    async with AsyncExitStack() as stack:
        platforms = {provider: simulator(provider, order.span) for provider in SHARES}
        for platform in platforms.values():
            await stack.enter_async_context(platform)
        urls = {provider: platform.url for provider, platform in platforms.items()}
        _write(urls_file(Path(order.home)), msgspec.json.encode(urls))
        ready: asyncio.Queue[Sending] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            for number in range(_COURIERS):
                group.create_task(_work(Courier(order.doors, number, _PATIENCE, Counter()), ready))
            await _announce(platforms[BY_WEBHOOK].history, ready, float(order.span.start))


def urls_file(home: Path) -> Path:
    """Return where it stands what is served."""
    return home / "platforms.json"


async def _announce(history: History, ready: asyncio.Queue[Sending], since: float) -> None:
    """Queue a webhook for all that has appeared, each second."""
    while True:
        now = time.time()
        for sending in sendings(history, sender(BY_WEBHOOK), since, now):
            ready.put_nowait(sending)
        since = now
        await asyncio.sleep(_EVERY)


async def _work(courier: Courier, ready: asyncio.Queue[Sending]) -> None:
    while True:
        await courier.deliver(await ready.get(), _ATTEMPTS)  # what no receiver takes is left to polling


def _write(path: Path, text: bytes) -> None:
    """Write a file; it is there whole, or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(text)
    new.rename(path)


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(sys.argv[1], type=PlatformsOrder)))
