"""Leads that were found outside of turns: watched once that is durable, and so is how far the search has got."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from headrace.records.cursors import Entry, Read, Watched, entry

GATHER: Final = 0.5
READS_EVERY: Final = 60.0
MOST: Final = 2_000

Store = Callable[[Sequence[Entry]], Awaitable[None]]


class Finding:
    """What was found for the tenants of one partition; `watch` is told what is durable."""

    def __init__(self, store: Store, watch: Callable[[str, list[str]], None], now: Callable[[], float]) -> None:
        self._store: Final = store
        self._watch: Final = watch
        self._now: Final = now
        self._found: Final[dict[tuple[str, str], Watched]] = {}
        self._reads: Final[dict[int, int]] = {}
        self._news: Final = asyncio.Event()

    def found(self, source: str, lead: str) -> None:
        """Note a lead that is not watched yet."""
        self._found.setdefault((source, lead), Watched(int(self._now() * 1000), "event"))
        self._news.set()

    def read(self, partition: int, offset: int) -> None:
        """Note where the search in `events` has got to."""
        self._reads[partition] = offset

    async def run(self) -> None:
        """Store what was found, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(READS_EVERY):
                    await self._news.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(GATHER)
            self._news.clear()
            await self._keep()

    async def _keep(self) -> None:
        found, reads = dict(self._found), dict(self._reads)
        self._found.clear()
        self._reads.clear()
        entries = [entry(source, told, lead) for (source, lead), told in found.items()]
        for begin in range(0, len(entries), MOST):
            await self._store(entries[begin : begin + MOST])
        await self._store([entry("", Read(offset), str(partition)) for partition, offset in reads.items()])
        leads: dict[str, list[str]] = {}
        for source, lead in found:
            leads.setdefault(source, []).append(lead)
        for source, named in leads.items():
            self._watch(source, named)
