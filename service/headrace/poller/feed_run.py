"""A feed run takes one turn of a feed: what it yields is durable in raw before the cursor that covers it is stored."""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from headrace.core.weight import weight
from headrace.poller.answer_memory import AnswerSlot
from headrace.poller.clock import Clock
from headrace.poller.feed_status import FeedStatuses
from headrace.poller.rate_limiter import RateLimiter
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.retries import Retries
from headrace.poller.row_watch import RowWatch
from headrace.poller.scheduler import Work
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.records.cursors import CursorEntry, PlatformFact, Position, Watched, entry
from headrace.sdk.feed import Call, Cursor, Feed, Sighting, Skipped, Turn, Yield
from headrace.sdk.ids import can_be_id
from headrace.sdk.provider import RawEvent
from headrace_events import Via

STORE_EVERY_SECONDS: Final = 0.2
"""Pages that follow each other faster than that are covered by one stored cursor."""
MOST_SIGHTED: Final = 1_000
"""Leads that a feed came across, until they are stored though no cursor is."""


class Checkpoints:
    """Stores the cursors of one run, each once everything that it covers is durable in raw.

    `wake` is called with leads that the feed came across, once they are stored. `began` is in seconds since the epoch.
    Only the last cursor of a run says that everything up to `began` is read: a run that a crash interrupts is due again
    at once. The cursors of a turn around a fact are not stored: they are no position to read on from.
    """

    def __init__(
        self,
        source: str,
        feed: Feed,
        work: Work,
        *,
        began: float,
        wake: Callable[[Sequence[str]], None],
        state: TenantState,
        raw: RawEventWriter,
        watch: RowWatch,
        statuses: FeedStatuses,
        writer: StateWriter,
    ) -> None:
        self.facts: dict[str, str] = {}
        """What the feed has learned since the last cursor."""
        self._source: Final = source
        self._feed: Final = feed
        self._lead: Final = work.lead or ""
        self._around: Final = work.around
        self._began: Final = began
        self._wake: Final = wake
        self._state: Final = state
        self._raw: Final = raw
        self._watch: Final = watch
        self._statuses: Final = statuses
        self._writer: Final = writer
        self._pending: Cursor | None = None
        self._sighted: dict[str, None] = {}
        self._counted = 0
        self._stored_at = 0.0

    @property
    def position(self) -> Position | None:
        """The stored position of the feed and lead, where the run reads on from it."""
        return None if self._around is not None else self._state.positions.get((self._feed.name, self._lead))

    def hold(self, cursor: Cursor) -> None:
        """Take a cursor, to be stored before the next API call or at the end of the run."""
        self._pending = cursor

    async def sight(self, lead: str) -> None:
        """Take a lead that the feed came across, to be woken with the next cursor, or together with many others."""
        self._sighted[lead] = None
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
            entries.append(self._statuses.covered(self._feed.name, began=self._began, events=count, due=due))
        await self._write(entries)

    async def _write(self, entries: Sequence[CursorEntry]) -> None:
        """Store entries and the leads that were sighted since the last ones; then wake these."""
        sighted, self._sighted = list(self._sighted), {}
        await self._writer.store([*entries, *(entry(self._source, self._woken(lead), lead) for lead in sighted)])
        if sighted:
            self._wake(sighted)

    async def _covered(self, cursor: Cursor, *, last: bool) -> list[CursorEntry]:
        """Make durable what a cursor covers; return what may be stored then."""
        self._pending = None
        await self._raw.flush()
        if self._around is not None:
            return self._learned()
        before = self.position
        at = int(self._began * 1000) if last else before.at if before else 0
        return [entry(self._source, Position(cursor.value, at), self._feed.name, self._lead), *self._learned()]

    def _learned(self) -> list[CursorEntry]:
        """Return what was learned since the last cursor: facts, and nudges that rows brought."""
        facts, self.facts = self.facts, {}
        return [
            *(entry(self._source, PlatformFact(value), name) for name, value in facts.items()),
            *self._watch.settle(),
        ]

    def _woken(self, lead: str) -> Watched:
        began, known = int(self._began * 1000), self._state.leads.get(lead)
        return Watched(began, "feed", began) if known is None else Watched(known.added, known.by, began)


class FeedApi:
    """The platform, as a feed sees it during one run."""

    def __init__(
        self,
        tenant: str,
        *,
        clock: Clock,
        limiter: RateLimiter,
        retries: Retries,
        state: TenantState,
        checkpoints: Checkpoints,
        answers: AnswerSlot,
    ) -> None:
        self.tenant: Final = tenant
        self.answers: Final = answers
        """Memory of what was answered in this run, until the feed passes it on or a cursor covers it."""
        self._clock: Final = clock
        self._limiter: Final = limiter
        self._retries: Final = retries
        self._state: Final = state
        self._checkpoints: Final = checkpoints

    @property
    def now(self) -> int:
        """See Api."""
        return int(self._clock.theirs() * 1000)

    async def call(self, call: Call) -> bytes:
        """See Api. What the feed yielded before is stored first."""
        await self._checkpoints.before_call(at_once=self._limiter.is_free())
        return await self._retries.call(call, self.answers)

    def recall(self, name: str) -> str | None:
        """See Api."""
        stored = self._state.facts.get(name)
        return self._checkpoints.facts.get(name, stored.value if stored else None)

    def remember(self, name: str, value: str) -> None:
        """See Api."""
        if self.recall(name) != value:
            self._checkpoints.facts[name] = value


class FeedRun:
    """Reads one feed to the end of its turn. `skipped` counts by reason the rows that the feed left out."""

    def __init__(self, feed: Feed, work: Work, api: FeedApi, raw: RawEventWriter, checkpoints: Checkpoints) -> None:
        self.unfinished = False
        """Whether the feed has more to bring at once."""
        self.whole = True
        """Whether the feed read everything that it should, by its own account."""
        self.skipped: Final[dict[str, int]] = {}
        self.since = 0
        """What is older (ms, by the platform's clock) the feed did not look at."""
        self._feed: Final = feed
        self._work: Final = work
        self._api: Final = api
        self._raw: Final = raw
        self._checkpoints: Final = checkpoints

    async def run(self) -> None:
        """Read to the end of the turn. Raises `Fault`, `KafkaError`, `TimeoutError`, and whatever breaks in a feed."""
        position = self._checkpoints.position
        turn = Turn(lead=self._work.lead, event=self._work.event, around=self._work.around)
        items = self._feed.read(self._api, position.value if position else b"", turn)
        try:
            async for item in items:
                await self._take(item)
            self.unfinished = await self._checkpoints.finish()
        except Exception:
            await self._checkpoints.save()
            raise
        finally:
            if inspect.isasyncgen(items):  # a feed that is left in mid-page ends now, not when it is collected
                await items.aclose()

    async def _take(self, item: Yield) -> None:
        match item:
            case RawEvent():
                self._api.answers.release(weight(item.value))
                await self._raw.add(item)
            case Cursor():
                self._api.answers.release()
                self._checkpoints.hold(item)
                self.whole, self.since = item.whole, item.since
            case Sighting() if can_be_id(item.lead):
                await self._checkpoints.sight(item.lead)
            case Skipped():
                self.skipped[item.reason] = self.skipped.get(item.reason, 0) + len(item.rows)
                await self._raw.pass_over(self._rows(item))

    def _rows(self, skipped: Skipped) -> Iterator[RawEvent]:
        """Yield the raw events of rows that were left out."""
        for row in skipped.rows:
            yield RawEvent(
                provider=self._raw.provider,
                tenant=self._api.tenant,
                shape=skipped.shape,
                via=Via.POLL,
                received=self._api.now,
                value=row,
            )
