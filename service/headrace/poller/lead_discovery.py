"""Leads that were found outside of turns: watched once that is durable, and so is how far the search has got."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog

from headrace.config import KafkaSettings
from headrace.kafka.client import KafkaError
from headrace.kafka.consumer import read
from headrace.records.cursors import CursorEntry, SearchPosition, Watched, entry

GATHER: Final = 0.5
READS_EVERY: Final = 60.0
MOST: Final = 2_000

Store = Callable[[Sequence[CursorEntry]], Awaitable[None]]


class LeadDiscovery:
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
        await self._store([entry("", SearchPosition(offset), str(partition)) for partition, offset in reads.items()])
        leads: dict[str, list[str]] = {}
        for source, lead in found:
            leads.setdefault(source, []).append(lead)
        for source, named in leads.items():
            self._watch(source, named)


PAUSE: Final = 5.0
LEAD: Final = "lead"
_PARTS: Final = 5

_log = structlog.get_logger()

Named = Callable[[str, str], None]


def lead_of(key: bytes) -> tuple[str, str] | None:
    """Give source and lead of an event's key, None where its subject is none."""
    parts = key.decode("utf-8", "replace").split("/", _PARTS - 1)
    if len(parts) < _PARTS or parts[3] != LEAD:
        return None
    return f"/{parts[1]}/{parts[2]}", parts[4]


class EventSearch:
    """Searches while anybody wants leads. `start` gives where to begin in each partition, None where nobody does."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        start: Callable[[], Mapping[int, int] | None],
        named: Named,
        passed: Callable[[int, int], None],
    ) -> None:
        self._kafka: Final = kafka
        self._topic: Final = topic
        self._start: Final = start
        self._named: Final = named
        self._passed: Final = passed
        self._anew: Final = asyncio.Event()

    def anew(self) -> None:
        """Begin anew: others want leads now."""
        self._anew.set()

    async def run(self) -> None:
        """Search until cancelled, however often Kafka is away."""
        while True:
            self._anew.clear()
            searching = asyncio.create_task(self._search())
            waiting = asyncio.create_task(self._anew.wait())
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
            start = self._start()
            try:
                if start is None:
                    await self._anew.wait()
                    return
                async for record in read(self._kafka, self._topic, begin=start, follow=True):
                    found = lead_of(record.key or b"")
                    if found:
                        self._named(*found)
                    self._passed(record.partition, record.offset + 1)
            except (KafkaError, TimeoutError, OSError) as error:
                _log.warning("events_not_searched", reason=type(error).__name__)
            await asyncio.sleep(PAUSE)
