"""The watch-lists from outside: read them, and write to them while a poller is at work or not.

What is written here is not part of any transaction: a poller reads it when it is nudged, and now and then.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

from headrace.config import Config
from headrace.kafka.appender import Appender
from headrace.kafka.consumer import read
from headrace.kafka.partitioner import partitions
from headrace.poller.state import PartitionState
from headrace.records.cursors import LEADS, CursorEntry, Watched, decode, encode, entry, home_partition, removed
from headrace.records.nudge import encode_nudge
from headrace.sdk.provider import Nudge

_TOGETHER: Final = 1_000


async def everything(config: Config) -> PartitionState:
    """Read what is remembered of all tenants: cursors, watch-lists, states. Tokens stay sealed.

    Raises `KafkaError`, `TimeoutError`, and `NewerFormat` where a newer Headrace wrote.
    """
    memory = PartitionState()
    async for record in read(config.kafka, f"{config.topic_prefix}cursors"):
        memory.apply([decode(record.key or b"", record.value or b"")])
    return memory


async def append_leads(config: Config, source: str, leads: Iterable[str]) -> AsyncIterator[int]:
    """Add leads to a tenant's watch-list; give how many are durable, group by group, and then wake its poller."""
    now = int(time.time() * 1000)
    async for count in _write(config, source, (entry(source, Watched(now, "people"), lead) for lead in leads)):
        yield count


async def remove_leads(config: Config, source: str, leads: Iterable[str]) -> AsyncIterator[int]:
    """Take leads off a tenant's watch-list, as `append_leads` adds them; whatever names one brings it back."""
    async for count in _write(config, source, (removed(source, Watched, lead) for lead in leads)):
        yield count


async def _write(config: Config, source: str, entries: Iterable[CursorEntry]) -> AsyncIterator[int]:
    cursors, nudges = (config.topic_prefix + name for name in ("cursors", "nudges"))
    async with Appender(config.kafka) as appender:
        at = home_partition(source, await appender.partitions_of(cursors))
        done, group = 0, list[CursorEntry]()
        for told in (*entries, None):
            if told is not None:
                group.append(told)
            if group and (told is None or len(group) == _TOGETHER):
                await asyncio.gather(*(appender.append(cursors, at, encode(one)) for one in group))
                done, group = done + len(group), []
                yield done
        nudge = encode_nudge(source, Nudge(LEADS))
        (where,) = partitions([nudge.key], await appender.partitions_of(nudges))
        await appender.append(nudges, where, nudge)
