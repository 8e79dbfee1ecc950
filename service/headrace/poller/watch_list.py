"""Writes to a tenant's watch-list from outside, while a poller is at work or not.

What is written here is not part of any transaction: a poller reads it when it is nudged, and now and then.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

from headrace.config import Config
from headrace.kafka.appender import Appender
from headrace.kafka.partitioner import partitions
from headrace.records.cursors import LEADS, CursorEntry, DroppedLead, Watched, encode, entry, home_partition, removed
from headrace.records.nudge import AddressedNudge, encode_nudge

_GROUP: Final = 1_000
"""Entries that are appended together."""


async def append_leads(config: Config, source: str, leads: Iterable[str]) -> AsyncIterator[int]:
    """Add leads to a tenant's watch-list, then wake its poller; yield after each group how many are durable."""
    now = int(time.time() * 1000)
    async for count in _write(config, source, (entry(source, Watched(now, "people"), lead) for lead in leads)):
        yield count


async def remove_leads(config: Config, source: str, leads: Sequence[str]) -> AsyncIterator[int]:
    """Take leads off a tenant's watch-list and its list of dropped ones, as `append_leads` adds them.

    Whatever names one adds it again.
    """
    kinds: tuple[type[Watched | DroppedLead], ...] = (Watched, DroppedLead)
    async for count in _write(config, source, (removed(source, kind, lead) for lead in leads for kind in kinds)):
        yield count // 2


async def restore_leads(config: Config, source: str, dropped: Mapping[str, DroppedLead]) -> AsyncIterator[int]:
    """Watch leads again that were dropped, as `append_leads` adds them: nothing but that is changed of them."""
    both = (
        one
        for lead, before in dropped.items()
        for one in (entry(source, Watched(before.added, before.by), lead), removed(source, DroppedLead, lead))
    )
    async for count in _write(config, source, both):
        yield count // 2


async def wake_leads(config: Config, source: str, feeds: Sequence[str], leads: Sequence[str]) -> AsyncIterator[int]:
    """Let a tenant's poller read leads next, by all `feeds`; yield after each group how many it will hear of."""
    async with Appender(config.kafka) as appender:
        for begin in range(0, len(leads), _GROUP):
            group = leads[begin : begin + _GROUP]
            nudges = (AddressedNudge(feed=feed, lead=lead) for lead in group for feed in feeds)
            await asyncio.gather(*(_nudge(config, appender, source, nudge) for nudge in nudges))
            yield begin + len(group)


async def _write(config: Config, source: str, entries: Iterable[CursorEntry]) -> AsyncIterator[int]:
    cursors = config.topic_prefix + "cursors"
    async with Appender(config.kafka) as appender:
        home = home_partition(source, await appender.partitions_of(cursors))
        done, records = 0, [encode(one) for one in entries]
        for begin in range(0, len(records), _GROUP):
            group = records[begin : begin + _GROUP]
            await asyncio.gather(*(appender.append(cursors, home, record) for record in group))
            done += len(group)
            yield done
        await _nudge(config, appender, source, AddressedNudge(feed=LEADS))


async def _nudge(config: Config, appender: Appender, source: str, nudge: AddressedNudge) -> None:
    nudges, record = config.topic_prefix + "nudges", encode_nudge(source, nudge)
    (partition,) = partitions([record.key], await appender.partitions_of(nudges))
    await appender.append(nudges, partition, record)
