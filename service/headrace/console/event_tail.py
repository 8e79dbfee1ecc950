"""The newest events of a topic, read again and again as they come: all, or at a high rate a part of each second's.

What is not read is counted by offsets. One look costs a fetch for each partition with news, `MOST_PARTITIONS` at most.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from headrace.console.flow import Flow, tick_of
from headrace.kafka.consumer import Consumer, Record
from headrace_events import Event, decode

MOST_PARTITIONS: Final = 16
MOST_A_LOOK: Final = 600
"""Events that one look reads at most."""
MOST_SHOWN: Final = 500
"""Events that stay in memory, for pages that are opened."""
MOST_BYTES: Final = 4 * 2**20
"""Bytes of them."""
MOST_WAYS: Final = 20_000
"""Sources and ways of which the newest event is remembered."""


class ShownEvent(Struct, frozen=True):
    """An event, its place on the topic, and the bytes that it takes there."""

    partition: int
    offset: int
    event: Event
    size: int

    @property
    def place(self) -> str:
        """Partition and offset, as pages are called by."""
        return f"{self.partition}/{self.offset}"


class EventTail:
    """Reads the end of a topic of events. `last` is when the newest of each source and way was published."""

    def __init__(
        self, topic: str, today: Callable[[Event], Event], steady: Callable[[], float] = time.monotonic
    ) -> None:
        """Read `topic`; `today` returns an event as its tenant's settings of now would have it published."""
        self.topic: Final = topic
        self._today: Final = today
        self.flow: Final = Flow()
        self.shown: Final[deque[ShownEvent]] = deque(maxlen=MOST_SHOWN)
        self.last: Final[dict[tuple[str, str], str]] = {}
        self.ends: dict[int, int] = {}
        """Offsets behind the last record of each partition, as of the last look."""
        self._positions: Final[dict[int, int]] = {}
        self._steady: Final = steady
        self._looked_at = 0.0
        self._turn = 0

    async def look(self, log: Consumer) -> None:
        """Read what is new. Raises `KafkaError`, `TimeoutError`."""
        count = await log.partitions_of(self.topic)
        bounds = await log.bounds_of_all(self.topic, range(count)) if count else {}
        now, first_look = self._steady(), not self._positions
        seconds = 0.0 if first_look else now - self._looked_at
        before = self.ends
        self.ends = {partition: end for partition, (_, end) in bounds.items()}
        news = {
            partition: (first, end)
            for partition, (first, end) in bounds.items()
            if end > max(first, self._positions.get(partition, first))
        }
        passed = sum(end - before.get(partition, end) for partition, end in self.ends.items())
        found, whole = await self._read_all(log, news)
        self._positions.update(self.ends)
        self._looked_at = now
        self._take(found)
        if not first_look:
            events = len(found) if whole else max(passed, len(found))  # markers of transactions have offsets, too
            self.flow.add(tick_of(seconds, events, (event for _, event in found)))

    def pause(self) -> None:
        """Forget where it stood: what comes while nobody looks is not read later."""
        self._positions.clear()
        self.flow.clear()
        self.last.clear()

    def _chosen(self, news: dict[int, tuple[int, int]]) -> list[int]:
        """Return the partitions to read this time, others first the next time."""
        waiting = sorted(news)
        if len(waiting) <= MOST_PARTITIONS:
            return waiting
        self._turn = (self._turn + MOST_PARTITIONS) % len(waiting)
        return (waiting[self._turn :] + waiting[: self._turn])[:MOST_PARTITIONS]

    async def _read_all(
        self, log: Consumer, news: dict[int, tuple[int, int]]
    ) -> tuple[list[tuple[Record, Event]], bool]:
        """Return the newest events of partitions with news, and whether these are all that came."""
        chosen = self._chosen(news)
        found: list[tuple[Record, Event]] = []
        whole = len(chosen) == len(news)
        for partition in chosen:
            some, all_of_it = await self._read(log, partition, *news[partition])
            found += some
            whole &= all_of_it
        return found, whole

    async def _read(
        self, log: Consumer, partition: int, first: int, end: int
    ) -> tuple[Sequence[tuple[Record, Event]], bool]:
        most = max(1, MOST_A_LOOK // max(1, min(MOST_PARTITIONS, len(self.ends))))
        begin = max(first, self._positions.get(partition, end - most))
        at = max(begin, end - 2 * most)
        log.seek(self.topic, partition, at)
        newest: deque[tuple[Record, Event]] = deque(maxlen=most)
        whole, count = at == begin, 0
        while at < end:
            records, at = await log.next(self.topic, partition)
            for record in records:
                event = _event(record)
                if event is not None:
                    newest.append((record, event))
                    count += 1
        return newest, whole and count == len(newest)

    def _take(self, found: list[tuple[Record, Event]]) -> None:
        known = {(one.partition, one.offset) for one in self.shown}  # after a pause the end is read again
        for record, published in sorted(found, key=lambda each: each[1].recordedtime):
            event = self._today(published)
            if len(self.last) < MOST_WAYS or (event.source, event.data.provenance.via) in self.last:
                self.last[event.source, event.data.provenance.via] = event.recordedtime
            if (record.partition, record.offset) not in known:
                size = len(record.value or b"")
                self.shown.append(ShownEvent(record.partition, record.offset, event, size))
        while sum(one.size for one in self.shown) > MOST_BYTES and len(self.shown) > 1:
            self.shown.popleft()


def _event(record: Record) -> Event | None:
    try:
        return decode(record.value or b"")
    except msgspec.DecodeError:
        return None  # foreign: `headrace tail` reports it
