"""The nudges of one tenant: what woke a feed is open until a row that the feed read says the same. Pure.

A row brings what a webhook told where it has the same resource and id, or, where the platform shares no id between its
ways, where type, traits and time agree (`AddressedNudge`); whether it is appended or not does not matter. After three
whole reads in vain the record goes to raw again, as told. Only a whole successful read of that feed counts that began
after the nudge and after the fact, and looked back to it: an outage, a parking and a wait for the budget never do.
A fact before what its feed looks back to is far: turns around it look for its row, and they alone count.

Where no id is shared, what has ended is remembered: one row brings one fact, and the row of a fact that was published
as told is a duplicate when it comes after all.
"""

from collections.abc import Collection, Container, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from headrace.poller.nudge_table import NudgeKey, NudgeTable, ReadRow, key_of
from headrace.poller.nudge_wakes import NudgeWakes, looks_for
from headrace.poller.scheduler import Work
from headrace.records.cursors import CursorEntry, OpenNudge, entry, removed
from headrace.records.nudge import AddressedNudge

READS: Final = 3
"""Whole reads in vain after which a feed is taken not to bring a fact."""
APART_SECONDS: Final = (0.0, 60.0, 240.0)
"""Seconds after the one before that each of these reads may begin: platforms list a fact a while after they tell it."""
AHEAD_SECONDS: Final = 3_600.0
"""A fact that lies further in the future has a wrong time: its reads count from then on."""
LONGEST_SHARE: Final = 0.8
"""Of the time for which raw holds a record: then it goes back without any read, or it would be lost."""
BROUGHT_SECONDS: Final = 86_400.0
"""For so long it is remembered which row brought a fact."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of the nudges of a tenant, as they stand in `cursors`; memory takes some three times as much."""
MOST_OVER_BYTES: Final = 1024 * 1024
"""Of those that find no room, until their records are in raw again: beyond it no more nudges are taken."""


class OpenNudges:
    """`stored` is what the tenant's part of `cursors` holds, `window` the dedupe window; raw lasts for `raw_lifetime`.

    All times are in seconds.
    """

    def __init__(
        self,
        source: str,
        stored: Mapping[NudgeKey, OpenNudge],
        by_lead: Collection[str],
        *,
        window: float,
        raw_lifetime: float,
    ) -> None:
        self._source: Final = source
        self._window: Final = window
        self._longest: Final = raw_lifetime * LONGEST_SHARE
        self._table: Final = NudgeTable(source, by_lead)
        self._held: Final[set[NudgeKey]] = set()
        self._unstored: Final[dict[NudgeKey, CursorEntry]] = {}
        self._wakes: Final = NudgeWakes()
        for key, found in sorted(stored.items(), key=lambda pair: pair[1].ended):
            # A row may have been appended before a crash, and nothing stored of it: one more read has to be in vain.
            reads = found.reads if found.returned else min(found.reads, READS - 1)
            self._table.put(key, replace(found, reads=READS if self._table.bytes > MOST_BYTES else reads))

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._table) - len(self._table.ended)

    @property
    def bytes(self) -> int:
        """What all that are remembered take, as they stand in `cursors`."""
        return self._table.bytes

    @property
    def overfull(self) -> bool:
        """Whether no more may be opened before some have gone back to raw."""
        return self._table.bytes > MOST_BYTES + MOST_OVER_BYTES

    def open(self, nudge: AddressedNudge, now: float, written: int = 0, *, expected: bool = True) -> bool:
        """Note a nudge that woke its feed; return False where its record goes back to raw at once.

        It does where there is no room, or no feed is `expected` to bring it. `written` (ms) is when it was written,
        where that was long ago: its record in raw is at least as old. Of one record the latest counts. Where no id is
        shared, a fact that was brought, or published as told, stays so.
        """
        key = key_of(nudge)
        known = self._table.get(key)
        if known is not None and known.nudge.span is not None and (known.ended or known.returned):
            return True
        found = OpenNudge(nudge, came=int(now * 1000), written=written)
        waits = expected and self._make_room(self._table.room_for(key, found))
        self._store(key, found if waits else replace(found, reads=READS))
        self._wakes.woken(key, now)
        return waits

    def waits(self, feed: str, lead: str | None) -> bool:
        """Return whether a row of a feed, and of a lead, could say what a nudge stands for."""
        return self._table.has_slot(feed, lead)

    def compares(self, feed: str, lead: str | None) -> bool:
        """Return whether rows have to be translated: a nudge without a shared id waits for one."""
        return self._table.waits_for_row(feed, lead)

    def same_record(self, feed: str, row: str) -> NudgeKey | None:
        """Return the open nudge that a row brings by its key in hex."""
        found = self._table.get((feed, row))
        return (feed, row) if found is not None and not found.ended else None

    def same_fact(self, feed: str, row: ReadRow, but: Container[NudgeKey]) -> NudgeKey | None:
        """Return the nudge without a shared id that a row says."""
        return self._table.nearest(feed, row, but)

    def of_row(self, feed: str, row: str) -> OpenNudge | None:
        """Return what a row of another id is known to say."""
        return self._table.of_row(feed, row)

    def hold(self, key: NudgeKey) -> OpenNudge | None:
        """Let a record not go back to raw while its row is on its way there; return what its row brings."""
        self._held.add(key)
        return self._table.get(key)

    def release(self, key: NudgeKey) -> None:
        """End what `hold` began."""
        self._held.discard(key)

    def bring(self, nudge: AddressedNudge, row: str, now: float) -> CursorEntry | None:
        """Return the entry that says that a row has brought a nudge's fact; None where a later nudge came meanwhile."""
        key = key_of(nudge)
        self.release(key)
        found = self._table.get(key)
        if found is None or found.nudge != nudge:
            return None
        if found.returned and not found.ended and row != nudge.record:
            self._store(key, replace(found, row=row))  # it stays open: its row is a duplicate, so it has to go back
            return self._unstored.pop(key)
        return self._end(key, replace(found, row=row, ended=found.ended or int(now * 1000)))

    def read(self, work: Work, began: float, theirs: float, since: int = 0) -> None:
        """Count a whole successful read that began at `began`, which was `theirs` by the platform's clock.

        It did not look at what is older than `since` (ms, by that clock): a fact before that is far from now on, unless
        its event was read by itself.
        """
        for key, found in self._table.of_slot(work.feed, work.lead):
            if found.ended or found.reads >= READS:
                continue
            if not looks_for(work, found.nudge):
                self._note_list(key, found, work, began)
                continue
            if work.around is None and found.nudge.event is None and since > found.nudge.time:
                self._wakes.note_far(key, began)
                continue
            if began * 1000 <= found.came or began < found.looked / 1000 + APART_SECONDS[found.reads]:
                continue
            ahead = found.came + (theirs - began + AHEAD_SECONDS) * 1000
            if theirs * 1000 < min(found.nudge.time, ahead):
                continue
            reads = found.reads + 1
            self._store(key, replace(found, reads=reads, looked=int(began * 1000)))
            self._wakes.wake(key, began + APART_SECONDS[min(reads, READS - 1)])

    def asks_for_event(self, nudge: AddressedNudge) -> bool:
        """Return whether the turn for a nudge asks for its event by itself: the list of its lead did not bring it."""
        found = self._table.get(key_of(nudge))
        return found is not None and found.looked > 0

    def _note_list(self, key: NudgeKey, found: OpenNudge, work: Work, began: float) -> None:
        """Let a nudge's event be asked for by itself at once, where the list of its lead was read without it."""
        is_list = work.event is None and work.around is None and work.lead is not None
        if is_list and not found.looked and began * 1000 > found.came:
            self._store(key, replace(found, looked=int(began * 1000)))
            self._wakes.wake(key, began)

    def around(self, nudge: AddressedNudge) -> int | None:
        """Return the `around` of the turns that look for a fact; None where those do that read on."""
        return self._wakes.around(nudge)

    def due(self, now: float) -> Iterator[AddressedNudge]:
        """Yield what to wake again: it is not brought, and was woken a while ago. Of one lead a few at a time."""
        return self._wakes.due((found.nudge for _, found in self._table.open() if found.reads < READS), now)

    def give_up(self, feed: str, lead: str) -> None:
        """Expect nothing more of a lead that the platform does not know any more."""
        for key, found in self._table.of_slot(feed, lead):
            if not found.ended:
                self._store(key, replace(found, reads=READS))

    def in_vain(self, now: float, *, for_their_age: bool = False) -> list[AddressedNudge]:
        """Return what no read brought: its record goes to raw again, and its row is a duplicate.

        `for_their_age`, only what raw does not hold for much longer.
        That has to be stored before the record is appended, and before any further row is looked at.
        """
        oldest = (now - self._longest) * 1000
        waiting = [
            (key, found)
            for key, found in self._table.open()
            if (found.reads >= READS and not for_their_age) or (found.written or found.came) < oldest
        ]
        free = [(key, found) for key, found in waiting if key not in self._held]
        for key, found in free:
            if not found.returned:
                self._store(key, replace(found, returned=True))
        return [found.nudge for _, found in free]

    def returned(self, nudge: AddressedNudge, now: float) -> None:
        """Note that a record is in raw again."""
        key = key_of(nudge)
        found = self._table.get(key)
        if found is not None and not found.ended and found.nudge == nudge:
            self._unstored[key] = self._end(key, replace(found, returned=True, ended=int(now * 1000)))
            self._make_room()

    def expire(self, now: float) -> None:
        """Forget what ended long ago."""
        for key in list(self._table.ended):
            found = self._table.get(key)
            lasts = self._window if found is not None and found.returned else BROUGHT_SECONDS
            if found is not None and found.ended / 1000 + lasts < now:
                self._unstored[key] = self._forget(key)

    def take_unstored(self) -> list[CursorEntry]:
        """Return what has changed since the last call, to be stored."""
        unstored = list(self._unstored.values())
        self._unstored.clear()
        return unstored

    def _make_room(self, needed: int = 0) -> bool:
        """Return whether there is room; what ended longest ago makes it, though its row would be published then."""
        while self._table.bytes + needed > MOST_BYTES and self._table.ended:
            oldest = next(iter(self._table.ended))
            self._unstored[oldest] = self._forget(oldest)
        return self._table.bytes + needed <= MOST_BYTES

    def _end(self, key: NudgeKey, after: OpenNudge) -> CursorEntry:
        """End a nudge; it is forgotten where its row has the same id, for the normalizer knows that one anyway."""
        self._unstored.pop(key, None)
        if after.nudge.span is None:
            return self._forget(key)
        self._table.put(key, after)
        self._wakes.forget(key)
        return entry(self._source, after, *key)

    def _forget(self, key: NudgeKey) -> CursorEntry:
        self._table.remove(key)
        self._wakes.forget(key)
        return removed(self._source, OpenNudge, *key)

    def _store(self, key: NudgeKey, found: OpenNudge) -> None:
        self._table.put(key, found)
        self._unstored[key] = entry(self._source, found, *key)
