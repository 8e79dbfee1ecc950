"""One turn of one feed: what it brings is durable in raw before the cursor that covers it is stored."""

import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.retries import Retries
from headrace.poller.scheduler import Work
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, PlatformFact, Position, Watched, entry
from headrace.sdk.feed import Call, Cursor, Feed, Sighting, Skipped, Turn, Yield
from headrace.sdk.ids import can_be_id
from headrace.sdk.provider import RawEvent

STORE_EVERY: Final = 0.2
"""Seconds: pages that come faster than that are covered together."""

Store = Callable[[Sequence[CursorEntry]], Awaitable[None]]


class FeedApi:
    """What a feed sees of the platform during one turn; `facts` are those to be stored with the next cursor.

    `before` is awaited before each call.
    """

    def __init__(self, calls: Retries, kept: TenantState, before: Callable[[], Awaitable[None]]) -> None:
        self.facts: dict[str, str] = {}
        self._calls: Final = calls
        self._kept: Final = kept
        self._before: Final = before

    @property
    def tenant(self) -> str:
        """See Api."""
        return self._calls.gate.whose[1]

    @property
    def now(self) -> int:
        """See Api."""
        return int(self._calls.gate.clock.theirs() * 1000)

    async def call(self, call: Call) -> bytes:
        """See Api."""
        await self._before()
        return await self._calls.call(call)

    def recall(self, name: str) -> str | None:
        """See Api."""
        kept = self._kept.facts.get(name)
        return self.facts.get(name, kept.value if kept else None)

    def remember(self, name: str, value: str) -> None:
        """See Api."""
        if self.recall(name) != value:
            self.facts[name] = value


class FeedRun:
    """One turn: `began` is in milliseconds since the epoch; `more` gives what is stored with each cursor.

    A cursor is stored when the feed asks on, for only the last one of a turn says that everything is read: what a crash
    interrupts is due at once.
    """

    def __init__(
        self,
        source: str,
        feed: Feed,
        work: Work,
        calls: Retries,
        kept: TenantState,
        raw_writer: RawEventWriter,
        began: int,
        store: Store,
        more: Callable[[], Sequence[CursorEntry]],
    ) -> None:
        self.unfinished = False
        """Whether the feed has more to bring at once."""
        self.sighted: list[str] = []
        self.skipped: dict[str, int] = {}
        self.raw_writer: Final = raw_writer
        self._source: Final = source
        self._feed: Final = feed
        self._work: Final = work
        self._kept: Final = kept
        self._api: Final = FeedApi(calls, kept, self._before_call)
        self._began: Final = began
        self._calls: Final = calls
        self._store: Final = store
        self._more: Final = more
        self._unstored: list[str] = []
        self._held: Cursor | None = None
        self._stored_at = 0.0

    async def run(self) -> None:
        """Read to the end of the turn. Raises `Fault`, `KafkaError`, `TimeoutError`, and whatever breaks in a feed."""
        position = self._kept.positions.get((self._work.feed, self._work.lead or ""))
        turn = Turn(lead=self._work.lead, event=self._work.event)
        items = self._feed.read(self._api, position.value if position else b"", turn)
        try:
            async for item in items:
                await self._take(item)
            await self._end()
        except Exception:
            if self._held is not None:  # what went well before stays done
                await self._store(await self._covered(self._held, last=False))
            raise
        finally:
            if inspect.isasyncgen(items):  # a feed that is left in mid-page ends now, not when it is collected
                await items.aclose()

    async def _end(self) -> None:
        if self._held is None:
            await self.raw_writer.flush()
            await self._store(self._found())
        else:
            self.unfinished = self._held.more
            await self._store([*await self._covered(self._held, last=not self.unfinished), *self._more()])

    async def _before_call(self) -> None:
        """Store a cursor before more is asked for, unless that comes at once and it is not long since the last."""
        now, gate = time.monotonic(), self._calls.gate
        waits = gate.budget.wait(gate.clock.now()) != 0.0
        if self._held is not None and (waits or now - self._stored_at > STORE_EVERY):
            await self._store([*await self._covered(self._held, last=False), *self._more()])
            self._stored_at = now

    async def _take(self, item: Yield) -> None:
        match item:
            case RawEvent():
                await self.raw_writer.add(item)
            case Cursor():
                self._held = item
            case Sighting() if can_be_id(item.lead):
                self.sighted.append(item.lead)
                self._unstored.append(item.lead)
            case Skipped():
                self.skipped[item.reason] = self.skipped.get(item.reason, 0) + item.count

    async def _covered(self, cursor: Cursor, *, last: bool) -> list[CursorEntry]:
        """Make durable what a cursor covers, and give what then may be stored."""
        self._held = None
        await self.raw_writer.flush()
        lead = self._work.lead or ""
        before = self._kept.positions.get((self._work.feed, lead))
        at = self._began if last else before.at if before else 0
        return [entry(self._source, Position(cursor.value, at), self._work.feed, lead), *self._found()]

    def _found(self) -> list[CursorEntry]:
        """Give what was found out since the last cursor: facts, and leads that have news."""
        facts, self._api.facts = self._api.facts, {}
        leads, self._unstored = self._unstored, []
        return [
            *(entry(self._source, PlatformFact(value), name) for name, value in facts.items()),
            *(entry(self._source, self._sighted(lead), lead) for lead in dict.fromkeys(leads)),
        ]

    def _sighted(self, lead: str) -> Watched:
        known = self._kept.leads.get(lead)
        if known is None:
            return Watched(self._began, "feed", self._began)
        return Watched(known.added, known.by, self._began)
