"""The open nudges of one tenant: woken, and not yet brought by the feed that they woke. Pure, but for the clock.

A nudge that names an event is open until a row of that id was read, appended or not. After three whole successful reads
that asked for it in vain, its record goes to raw again, as told: what was acknowledged is published, by whichever way.
A failed read does not count: neither does an outage, a parking, or a wait for the budget. A nudge that names a lead or
nothing is open until one whole read began behind it.
"""

from collections.abc import Collection, Iterator
from typing import Final

from headrace.poller.scheduler import Work
from headrace.records.cursors import CursorEntry, OpenNudge, entry, removed
from headrace.records.nudge import AddressedNudge

READS: Final = 3
"""Whole reads in vain after which a feed is taken not to bring an event."""
AGAIN_SECONDS: Final = (15.0, 60.0, 300.0)
"""When a feed is asked again, by the reads that were in vain: platforms show an event a while after they tell it."""
MOST: Final = 10_000
"""Open nudges of a tenant; at 200 characters an id that is 5 MB in `cursors`. What is more is returned at once."""

Key = tuple[str, str, str]
"""Feed, lead and event, empty where there is none."""


class OpenNudges:
    """`stored` is what the tenant's part of `cursors` holds. Times are seconds since the epoch."""

    def __init__(self, source: str, stored: dict[Key, OpenNudge]) -> None:
        self._source: Final = source
        self._open: Final = dict(stored)
        self._unstored: Final[dict[Key, CursorEntry]] = {}
        self._again: Final[dict[Key, float]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, work: Work, nudge: AddressedNudge, now: float) -> None:
        """Note a nudge that woke `work`."""
        reads = READS if len(self._open) >= MOST and nudge.partition >= 0 else 0
        self._set(_key(work), OpenNudge(nudge.partition, nudge.offset, came=int(now * 1000), reads=reads))
        self._again[_key(work)] = now + AGAIN_SECONDS[0]

    def read(self, work: Work, began: float, ids: Collection[str], now: float) -> None:
        """Note a whole successful run of `work` that brought records of these `ids`."""
        self._close_where_behind((work.feed, work.lead or "", ""), began)
        key = _key(work)
        found = self._open.get(key) if work.event else None
        if found is None or found.came >= began * 1000:
            return
        if work.event in ids:
            self.close(key)
            return
        reads = found.reads + 1
        self._set(key, OpenNudge(found.partition, found.offset, came=found.came, reads=reads))
        self._again[key] = now + AGAIN_SECONDS[min(reads, READS - 1)]

    def due(self, now: float) -> Iterator[Work]:
        """Yield what to wake again: it is not closed, and was woken a while ago."""
        for key, found in list(self._open.items()):
            if found.reads < READS and self._again.get(key, 0.0) <= now:
                self._again[key] = now + AGAIN_SECONDS[-1]
                yield Work(key[0], key[1] or None, key[2] or None)

    def in_vain(self) -> list[tuple[Key, OpenNudge]]:
        """Return what no read brought: it goes to raw again, and is then closed."""
        return [(key, found) for key, found in self._open.items() if found.reads >= READS]

    def close(self, key: Key) -> None:
        """Close a nudge."""
        if self._open.pop(key, None) is not None:
            self._again.pop(key, None)
            self._unstored[key] = removed(self._source, OpenNudge, *key)

    def take_unstored(self) -> list[CursorEntry]:
        """Return what has changed since the last call, to be stored."""
        unstored = list(self._unstored.values())
        self._unstored.clear()
        return unstored

    def _close_where_behind(self, key: Key, began: float) -> None:
        found = self._open.get(key)
        if found is not None and found.came < began * 1000:
            self.close(key)

    def _set(self, key: Key, found: OpenNudge) -> None:
        self._open[key] = found
        self._unstored[key] = entry(self._source, found, *key)


def _key(work: Work) -> Key:
    return work.feed, work.lead or "", work.event or ""
