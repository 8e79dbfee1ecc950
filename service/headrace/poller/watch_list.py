"""Writes to a tenant's watch-list from outside, while a poller is at work or not.

What is written here is not part of any transaction: a poller reads it when it is nudged, and now and then.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

from headrace.config import Config
from headrace.kafka.appender import Appender
from headrace.kafka.partitioner import partitions
from headrace.records.cursors import LEADS, CursorEntry, Watched, encode, entry, home_partition, removed
from headrace.records.nudge import AddressedNudge, encode_nudge

_GROUP: Final = 1_000
"""Entries that are appended together."""


async def append_leads(config: Config, source: str, leads: Iterable[str]) -> AsyncIterator[int]:
    """Add leads to a tenant's watch-list, then wake its poller; yield after each group how many are durable."""
    now = int(time.time() * 1000)
    async for count in _write(config, source, (entry(source, Watched(now, "people"), lead) for lead in leads)):
        yield count


async def remove_leads(config: Config, source: str, leads: Iterable[str]) -> AsyncIterator[int]:
    """Take leads off a tenant's watch-list, as `append_leads` adds them; whatever names one adds it again."""
    async for count in _write(config, source, (removed(source, Watched, lead) for lead in leads)):
        yield count


async def _write(config: Config, source: str, entries: Iterable[CursorEntry]) -> AsyncIterator[int]:
    cursors, nudges = (config.topic_prefix + name for name in ("cursors", "nudges"))
    async with Appender(config.kafka) as appender:
        home = home_partition(source, await appender.partitions_of(cursors))
        done, records = 0, [encode(one) for one in entries]
        for begin in range(0, len(records), _GROUP):
            group = records[begin : begin + _GROUP]
            await asyncio.gather(*(appender.append(cursors, home, record) for record in group))
            done += len(group)
            yield done
        nudge = encode_nudge(source, AddressedNudge(feed=LEADS))
        (partition,) = partitions([nudge.key], await appender.partitions_of(nudges))
        await appender.append(nudges, partition, nudge)
