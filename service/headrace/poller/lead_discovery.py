"""Leads that were found outside of feed runs: in nudges, and in `events`.

A lead that only ever was in a webhook is watched, too. An event's key says it all
(`/<provider>/<tenant>/lead/<id>`): no event is decoded. How far the search has got is stored in each partition of
`cursors`, behind the leads that it found; it goes on from the least of these positions.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from headrace.kafka.consumer import Record
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant import TenantPoller
from headrace.records.cursors import SearchPosition, Watched, entry
from headrace.sdk.provider import source_of

GATHER_SECONDS: Final = 0.5
STORE_EVERY_SECONDS: Final = 60.0
MOST_FOUND: Final = 2_000
"""Leads that are found before any of them is stored: then nothing more is read."""
LEAD: Final = "lead"
_PARTS: Final = 5


def lead_of(record: Record) -> tuple[str, str] | None:
    """Return source and lead of an event's record, None where its subject is no lead."""
    parts = (record.key or b"").decode("utf-8", "replace").split("/", _PARTS - 1)
    if len(parts) < _PARTS or parts[3] != LEAD:
        return None
    return source_of(parts[1], parts[2]), parts[4]


class LeadDiscovery:
    """What was found for the `tenants` of one partition; they watch a lead once it is stored.

    `positions` are the stored ones of the search, by partition of `events`.
    """

    def __init__(self, writer: StateWriter, tenants: Mapping[str, TenantPoller], positions: Mapping[int, int]) -> None:
        self.positions: Final = positions
        self._writer: Final = writer
        self._tenants: Final = tenants
        self._found: Final[dict[tuple[str, str], Watched]] = {}
        self._passed: Final[dict[int, int]] = {}
        self._news: Final = asyncio.Event()
        self._room: Final = asyncio.Event()
        self._room.set()

    async def name(self, source: str, lead: str) -> None:
        """Note a lead that something named, unless no tenant here reads by lead, or it is watched already.

        Where there are too many, wait until they are being stored.
        """
        tenant = self._tenants.get(source)
        if tenant is None or not tenant.by_lead:
            return
        found = tenant.canonical_lead(lead)
        if found and not tenant.watches(found):
            await self._room.wait()
            self._found.setdefault((source, found), Watched(int(time.time() * 1000), "event"))
            self._news.set()
            if len(self._found) >= MOST_FOUND:
                self._room.clear()

    async def take(self, found: tuple[str, str] | None, partition: int, offset: int) -> None:
        """Note the lead that an event named, and how far `events` were searched."""
        if found:
            await self.name(*found)
        self._passed[partition] = offset + 1

    def passed(self, partition: int, position: int) -> None:
        """Note how far `events` were searched where nothing came."""
        if position > max(self.positions.get(partition, 0), self._passed.get(partition, 0)):
            self._passed[partition] = position

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
            await self.store()

    async def store(self) -> None:
        """Store the leads, then the position behind them; then watch the leads."""
        found, passed = dict(self._found), dict(self._passed)
        self._found.clear()
        self._passed.clear()
        self._room.set()
        await self._writer.store([entry(source, watched, lead) for (source, lead), watched in found.items()])
        await self._writer.store([entry("", SearchPosition(at), str(partition)) for partition, at in passed.items()])
        leads: dict[str, list[str]] = {}
        for source, lead in found:
            leads.setdefault(source, []).append(lead)
        for source, named in leads.items():
            if source in self._tenants:  # else it begins again from what was stored
                self._tenants[source].watch(named)
