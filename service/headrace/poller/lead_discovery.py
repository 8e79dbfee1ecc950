"""Leads that were found outside of feed runs: in nudges, and in `events`.

A lead that only ever was in a webhook is watched, too. An event's key says it all
(`/<provider>/<tenant>/lead/<id>`): no event is decoded. How far the search has got is stored in each partition of
`cursors`, behind the leads that it found; it goes on from the least of these positions.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import read
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.records.cursors import SearchPosition, Watched, entry
from headrace.sdk.provider import source_of

GATHER_SECONDS: Final = 0.5
STORE_EVERY_SECONDS: Final = 60.0
MOST_ENTRIES: Final = 2_000
PAUSE_SECONDS: Final = 5.0
LEAD: Final = "lead"
_PARTS: Final = 5

_log = structlog.get_logger()


def lead_of(key: bytes) -> tuple[str, str] | None:
    """Return source and lead of an event's key, None where its subject is no lead."""
    parts = key.decode("utf-8", "replace").split("/", _PARTS - 1)
    if len(parts) < _PARTS or parts[3] != LEAD:
        return None
    return source_of(parts[1], parts[2]), parts[4]


class LeadDiscovery:
    """What was found for the `tenants` of one partition; they watch a lead once it is stored.

    `searched` is the stored position of the search, by partition of `events`.
    """

    def __init__(self, writer: StateWriter, tenants: Mapping[str, TenantPoller], searched: Mapping[int, int]) -> None:
        self.searched: Final = searched
        self._writer: Final = writer
        self._tenants: Final = tenants
        self._found: Final[dict[tuple[str, str], Watched]] = {}
        self._passed: Final[dict[int, int]] = {}
        self._news: Final = asyncio.Event()

    def name(self, source: str, lead: str) -> None:
        """Note a lead that something named, unless no tenant here reads by lead, or it is watched already."""
        tenant = self._tenants.get(source)
        if tenant is None or not tenant.by_lead:
            return
        found = tenant.canonical_lead(lead)
        if found and not tenant.watches(found):
            self._found.setdefault((source, found), Watched(int(time.time() * 1000), "event"))
            self._news.set()

    def passed(self, partition: int, offset: int) -> None:
        """Note how far `events` were searched."""
        self._passed[partition] = offset

    async def run(self) -> None:
        """Store what was found, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(STORE_EVERY_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            await self._store()

    async def _store(self) -> None:
        """Store the leads, then the position behind them; then watch the leads."""
        found, passed = dict(self._found), dict(self._passed)
        self._found.clear()
        self._passed.clear()
        entries = [entry(source, watched, lead) for (source, lead), watched in found.items()]
        for begin in range(0, len(entries), MOST_ENTRIES):
            await self._writer.store(entries[begin : begin + MOST_ENTRIES])
        await self._writer.store([entry("", SearchPosition(at), str(partition)) for partition, at in passed.items()])
        leads: dict[str, list[str]] = {}
        for source, lead in found:
            leads.setdefault(source, []).append(lead)
        for source, named in leads.items():
            self._tenants[source].watch(named)


class EventSearch:
    """Searches `events` for leads while any partition here has tenants that are read by lead."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._kafka: Final = kafka
        self._topic: Final = topic
        self._discoveries: Final[set[LeadDiscovery]] = set()
        self._added: Final = asyncio.Event()

    def add(self, discovery: LeadDiscovery) -> None:
        """Search for one more partition: begin again where it has got to."""
        self._discoveries.add(discovery)
        self._added.set()

    def remove(self, discovery: LeadDiscovery) -> None:
        """Search no more for a partition."""
        self._discoveries.discard(discovery)

    async def run(self) -> None:
        """Search until cancelled, however often Kafka is away."""
        while True:
            self._added.clear()
            searching = asyncio.create_task(self._search())
            waiting = asyncio.create_task(self._added.wait())
            try:
                await asyncio.wait((searching, waiting), return_when=asyncio.FIRST_COMPLETED)
            finally:
                searching.cancel()
                waiting.cancel()
                await asyncio.gather(searching, waiting, return_exceptions=True)
            if not searching.cancelled() and (error := searching.exception()):
                raise error

    async def _search(self) -> None:
        while True:
            discoveries = list(self._discoveries)
            try:
                if not discoveries:
                    await self._added.wait()
                    return
                await self._follow(discoveries)
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("events_not_searched", reason=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _follow(self, discoveries: Sequence[LeadDiscovery]) -> None:
        async for record in read(self._kafka, self._topic, begin=_least(discoveries), follow=True):
            found = lead_of(record.key or b"")
            for discovery in discoveries:
                if found:
                    discovery.name(*found)
                discovery.passed(record.partition, record.offset + 1)


def _least(discoveries: Sequence[LeadDiscovery]) -> dict[int, int]:
    """Return the least position that all have reached, by partition of `events`."""
    known = set.intersection(*(set(discovery.searched) for discovery in discoveries))
    return {partition: min(discovery.searched[partition] for discovery in discoveries) for partition in known}
