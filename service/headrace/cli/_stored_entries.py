"""What pollers store from now on of one tenant, as it comes: to wait for what an order does."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from headrace.config import Config
from headrace.kafka.consumer import read
from headrace.records.cursors import CursorEntry, decode

_LATE_MS: Final = 60_000
"""So much the clocks of this machine and of a poller may differ."""


async def stored_entries(config: Config, source: str, since: int) -> AsyncGenerator[CursorEntry]:
    """Yield what is stored of a tenant since then (ms since the epoch), without end; some of it from shortly before."""
    topic, mine = f"{config.topic_prefix}cursors", f"{source}\0".encode()
    async with contextlib.aclosing(read(config.kafka, topic, since=since - _LATE_MS, follow=True)) as log:
        async for record in log:
            if (record.key or b"").startswith(mine):
                yield decode(record.key or b"", record.value or b"")
