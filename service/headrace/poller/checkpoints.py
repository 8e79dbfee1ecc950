"""Checkpoints of one turn of a feed: what it yielded is durable in raw before the cursor that covers it is stored."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from headrace.poller.clock import Clock
from headrace.poller.feed_status import FeedStatuses
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.row_watch import RowWatch
from headrace.poller.scheduler import Work
from headrace.poller.shares import Kind
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.records.cursors import CursorEntry, FeedNote, PlatformFact, Position, Watched, entry, removed
from headrace.records.ordered import FeedOrders, RewoundPosition
from headrace.sdk.feed import Cursor, Feed, Note, Sighting

STORE_EVERY_SECONDS: Final = 0.2
"""Pages that follow each other faster than that are covered by one stored cursor."""
LISTED_LATE_MS: Final = 60_000
"""So long after its news a lead may list them: one that was read before is read again."""
MOST_SIGHTED: Final = 1_000
"""Leads that a feed came across, until they are stored though no cursor is."""


class Checkpoints:
    """Stores the cursors of one run, each once everything that it covers is durable in raw.

    `watch_leads` is called with the leads that the feed came across, once they are stored, and with those of them that
    have news for the feeds `by_lead`, as which kind of work. `began` is in seconds since the epoch.
    Only the last cursor of a run says that everything up to `began` is read: a run that a crash interrupts is due again
    at once. The cursors of a turn around a fact are not stored: they are no position to read on from. `rewind` is the
    order by which the run begins further back.
    """

    def __init__(
        self,
        source: str,
        feed: Feed,
        work: Work,
        *,
        began: float,
        watch_leads: Callable[[Sequence[str], Mapping[str, Kind]], None],
        by_lead: Collection[str],
        clock: Clock,
        state: TenantState,
        raw: RawEventWriter,
        watch: RowWatch,
        statuses: FeedStatuses,
        writer: StateWriter,
        rewind: FeedOrders | None = None,
    ) -> None:
        self.facts: dict[str, PlatformFact | None] = {}
        """What the feed has learned since the last cursor; None where something is believed no more."""
        self._source: Final = source
        self._feed: Final = feed
        self._lead: Final = work.lead or ""
        self._around: Final = work.around
        self._began: Final = began
        self._watch_leads: Final = watch_leads
        self._by_lead: Final = by_lead
        self._clock: Final = clock
        self._state: Final = state
        self._raw: Final = raw
        self._watch: Final = watch
        self._statuses: Final = statuses
        self._writer: Final = writer
        self._rewind: Final = rewind
        self._pending: Cursor | None = None
        self._notes: dict[str, bytes] = {}
        self._sighted: dict[str, Sighting] = {}
        self._counted = 0
        self._stored_at = 0.0

    @property
    def position(self) -> Position | None:
        """The stored position of the feed and lead, where the run reads on from it; one further back where it must."""
        if self._around is not None:
            return None
        stored = self._state.positions.get((self._feed.name, self._lead))
        if self._rewind is None:
            return stored
        before = stored or Position(b"")
        return Position(self._feed.rewound(self._rewind.since, before.value), before.at)

    def hold(self, cursor: Cursor) -> None:
        """Take a cursor, to be stored before the next API call or at the end of the run."""
        self._pending = cursor

    def take_note(self, note: Note) -> None:
        """Take a note, to be stored with the next cursor."""
        self._notes[note.key] = note.value

    def note(self, feed: str, key: str) -> bytes:
        """Return what a feed noted, in this run or before; nothing where it did not."""
        if feed == self._feed.name and key in self._notes:
            return self._notes[key]
        found = self._state.notes.get((feed, key))
        return found.value if found else b""

    async def sight(self, seen: Sighting) -> None:
        """Take a lead that the feed came across, to be woken with the next cursor, or together with many others."""
        before = self._sighted.get(seen.lead)
        self._sighted[seen.lead] = seen if before is None else _merged(before, seen)
        if len(self._sighted) >= MOST_SIGHTED:
            await self._write([])

    async def before_call(self, *, at_once: bool) -> None:
        """Store the cursor before the next API call, unless that may start at once and one was stored just now."""
        now = time.monotonic()
        if self._pending is not None and (not at_once or now - self._stored_at > STORE_EVERY_SECONDS):
            await self._store(self._pending, last=False)
            self._stored_at = now

    async def finish(self) -> bool:
        """Store the last cursor of a run that succeeded; return whether the feed has more to bring at once."""
        cursor = self._pending
        if cursor is None:
            await self._raw.flush()
            await self._write(self._learned())
            return False
        await self._store(cursor, last=not cursor.more)
        return cursor.more

    async def save(self) -> None:
        """Store the cursor of a run that failed, and what it came across: what went well before stays done."""
        covered = [] if self._pending is None else await self._covered(self._pending, last=False)
        await self._write(covered)

    async def _store(self, cursor: Cursor, *, last: bool) -> None:
        entries = await self._covered(cursor, last=last)
        count, self._counted = self._raw.appended - self._counted, self._raw.appended
        due = self._began + self._feed.every
        if self._around is None:
            entries.append(
                self._statuses.covered(
                    self._feed.name, began=self._began, events=count, due=due, last=last, unread=cursor.unread
                )
            )
        await self._write(entries)

    async def _write(self, entries: Sequence[CursorEntry]) -> None:
        """Store entries and the leads that were sighted since the last ones; then wake these."""
        sighted, self._sighted = self._sighted, {}
        with_news = {lead: kind for lead, seen in sighted.items() if (kind := self._wakes(seen)) is not None}
        watched = {lead: self._watched(lead, with_news.get(lead)) for lead in sighted}
        known = self._state.leads
        leads = [entry(self._source, after, lead) for lead, after in watched.items() if after != known.get(lead)]
        await self._writer.store([*entries, *leads])
        if sighted:
            self._watch_leads(list(sighted), with_news)

    async def _covered(self, cursor: Cursor, *, last: bool) -> list[CursorEntry]:
        """Make durable what a cursor covers; return what may be stored then."""
        self._pending = None
        await self._raw.flush()
        if self._around is not None:
            return self._learned()
        before = self.position
        at = int(self._began * 1000) if last else before.at if before else 0
        if last and self._rewind is not None:  # it may have begun in the millisecond in which that was ordered
            at = max(at, self._rewind.rewound + 1)
        position = entry(self._source, Position(cursor.value, at), self._feed.name, self._lead)
        return [position, *self._rewound(last=last), *self._learned()]

    def _rewound(self, *, last: bool) -> list[CursorEntry]:
        """Return the entry that keeps an order from setting back this position once more, until it says so itself."""
        key = self._feed.name, self._lead
        if last:
            return [removed(self._source, RewoundPosition, *key)] if key in self._state.rewound else []
        return [] if self._rewind is None else [entry(self._source, RewoundPosition(self._rewind.rewound), *key)]

    def _learned(self) -> list[CursorEntry]:
        """Return what was learned since the last cursor: facts, notes, and nudges that rows brought."""
        facts, self.facts = self.facts, {}
        notes, self._notes = self._notes, {}
        return [
            *(
                entry(self._source, FeedNote(value), self._feed.name, key)
                if value
                else removed(self._source, FeedNote, self._feed.name, key)
                for key, value in notes.items()
            ),
            *(
                removed(self._source, PlatformFact, name) if fact is None else entry(self._source, fact, name)
                for name, fact in facts.items()
            ),
            *self._watch.settle(),
        ]

    def _wakes(self, seen: Sighting) -> Kind | None:
        """Return as what a lead is to be read: its news may be younger than its last reading; None where it is not."""
        if seen.brought and not seen.unsure:
            return None
        if seen.at and self._read_at(seen.lead) >= seen.at - self._clock.skew * 1000 + LISTED_LATE_MS:
            return None
        return "unsure" if seen.brought else "found"

    def _read_at(self, lead: str) -> int:
        return min((self._state.read_at(feed, lead) for feed in self._by_lead), default=0)

    def _watched(self, lead: str, woken: Kind | None) -> Watched:
        began = int(self._began * 1000)
        known = self._state.leads.get(lead) or Watched(began, "feed")
        if woken is None:
            return known
        waits = known.woken > self._read_at(lead) and not known.unsure  # for certain: that stays
        return replace(known, woken=began, unsure=woken == "unsure" and not waits)


def _merged(one: Sighting, other: Sighting) -> Sighting:
    """Return what two sightings of a lead say: the news of either that was not brought."""
    news = [seen for seen in (one, other) if not seen.brought] or [seen for seen in (one, other) if seen.unsure]
    if not news:
        return Sighting(one.lead, brought=True)
    at = [seen.at for seen in news]
    return Sighting(one.lead, 0 if 0 in at else max(at), brought=news[0].brought, unsure=news[0].unsure)
