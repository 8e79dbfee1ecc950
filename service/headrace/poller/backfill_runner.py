"""Reads the back-fills of one tenant, beside its live feeds, at the pace that each was given.

A turn that fails is tried again, later each time: that says nothing about the live feeds, and holds none of them, nor
the other back-fills. A lead that the platform does not know is passed over at once, one that it refuses after some
tries, any other where the platform brings another one just then; all are counted.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

import structlog

from headrace.config.tenants import Account
from headrace.core.problems import without_text
from headrace.poller.backfill_checkpoints import BackfillCheckpoints
from headrace.poller.backfill_turn import NOT_WHOLE, OTHERS, TRIES, Tally, may_fail_alone, rest
from headrace.poller.backfills import forgotten_at, piece
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.clock import Clock
from headrace.poller.fault_policy import SEVERAL, code_of, sentence
from headrace.poller.feed_run import FeedRun
from headrace.poller.leads_in_order import LeadsInOrder
from headrace.poller.metrics import PollerMetrics
from headrace.poller.paced_limiter import PacedLimiter, TurnStopped
from headrace.poller.scheduler import Work
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant_orders import TenantOrders
from headrace.poller.token_bucket import TokenBucket, sustained_rate
from headrace.poller.turn_runner import Calls, TurnRunner
from headrace.records.cursors import CursorEntry
from headrace.records.ordered import Backfill
from headrace.sdk.faults import Denied, Gone, Incomplete, NoRoute, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Feed
from headrace.sdk.limits import CallLimits

LONGEST_WAIT_SECONDS: Final = 30.0

_log = structlog.get_logger()


class BackfillRunner:
    """Reads the back-fills of `orders` one after the other; while one rests, the next.

    `named` are the leads of the settings; `spent` is called with the number of calls of each turn. `window` is the
    dedupe window, in seconds.
    """

    def __init__(
        self,
        account: Account,
        feeds: Mapping[str, Feed],
        *,
        named: Collection[str],
        spent: Callable[[int], None],
        window: float,
        turns: TurnRunner,
        orders: TenantOrders,
        circuit: CircuitBreaker,
        limits: CallLimits,
        clock: Clock,
        state: TenantState,
        writer: StateWriter,
        metrics: PollerMetrics,
    ) -> None:
        self._source: Final = account.source
        self._redacts: Final = account.redactor is not None
        self._labels: Final = (account.provider.name, account.name)
        self._feeds: Final = feeds
        self._leads: Final = LeadsInOrder(state.leads, named)
        self._spent: Final = spent
        self._window: Final = int(window * 1000)
        self._turns: Final = turns
        self._orders: Final = orders
        self._table: Final = orders.backfills
        self._circuit: Final = circuit
        self._rate: Final = sustained_rate(limits)
        self._clock: Final = clock
        self._writer: Final = writer
        self._metrics: Final = metrics
        self._rests: Final[dict[str, float]] = {}
        """Until when back-fills rest, in seconds."""
        self._gone_in_a_row = 0
        self._buckets: Final[dict[str, TokenBucket]] = {}
        self._stopping = False

    def stop(self) -> None:
        """End once the turn in progress has stored what it read: it makes no further call."""
        self._stopping = True
        self._orders.changed.set()

    async def run(self) -> None:
        """Read until stopped or cancelled."""
        while not self._stopping:
            self._orders.changed.clear()
            self._metrics.backfills(*self._labels, self._table.waiting)
            wait = self._circuit.wait(now := self._clock.now())
            resting = {name: until for name, until in self._rests.items() if until > now}
            found = self._table.next(self._may, but=resting) if wait <= 0.0 else None
            if found is not None:
                await self._go_on(*found)
                continue
            waits = [wait] if wait > 0.0 else [until - now for until in resting.values()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min([*waits, LONGEST_WAIT_SECONDS])):
                    await self._orders.changed.wait()

    def _may(self, feed: str) -> bool:
        return feed in self._feeds and not self._orders.is_paused(feed)

    async def _go_on(self, name: str, found: Backfill) -> None:
        """Take the next turn of a back-fill, or note that it has ended."""
        if not found.began:
            _log.info("backfill_began", source=self._source, id=name, feed=found.feed)
            await self._note(name, began=self._millis())
        forgotten = forgotten_at(found, self._millis(), self._window)
        if forgotten != found.forgotten:
            await self._note(name, forgotten=forgotten)
            return
        if not self._feeds[found.feed].by_lead:
            begin, end = piece(found)
            if begin < end:
                await self._turn(name, Work(found.feed, span=(begin, end)), covered=end)
            else:
                await self._end(name)
            return
        if found.total != self._leads.count:
            await self._note(name, total=self._leads.count)
        lead, begin = await self._leads.behind(found.lead), max(found.since, found.forgotten)
        if lead is None or begin >= found.until:
            await self._end(name)
        else:
            work = Work(found.feed, lead, span=(begin, found.until))
            alone = may_fail_alone(found) and await self._another_comes(name, found, work)
            await self._turn(name, work, alone=alone, lead=lead)

    async def _another_comes(self, name: str, found: Backfill, work: Work) -> bool:
        """Return whether the platform brings another lead now, one further on each time; it has its turn later."""
        other = work.lead
        for _ in range(found.failures % OTHERS + 1):
            other = await self._leads.behind(other or "")
        other = other or await self._leads.behind("")
        if other is None or other == work.lead:
            return False
        tally = Tally(self._paced(name, found))
        _, error = await self._read(Work(found.feed, other, span=work.span), tally, b"", lambda _: [])
        await self._note(name, **tally.more(self._table.get(name)))
        return error is None

    async def _turn(self, name: str, work: Work, *, alone: bool = False, **behind: Any) -> None:
        """Take one turn; once it has read to its end, the back-fill is `behind` it. `alone`: another lead has come."""
        found = self._table.get(name)
        if found is None or found.ended:
            return
        tally = Tally(self._paced(name, found))
        run, error = await self._read(work, tally, found.cursor, partial(self._covered, name, tally))
        if error is None and not run.whole:
            behind["unread"] = run.unread or NOT_WHOLE
        after = self._ended(name, found, work, error, {} if run.unfinished else behind, alone=alone)
        await self._note(name, **after, **tally.more(self._table.get(name)))

    async def _read(
        self, work: Work, tally: Tally, cursor: bytes, covered: Callable[[bytes], list[CursorEntry]]
    ) -> tuple[FeedRun, Exception | None]:
        """Take one turn from a cursor; return it and what it failed with."""
        begun = tally.turn = self._turns.begin(
            work,
            self._clock.now(),
            Calls(tally.limiter, self._turns.calls.retries.through(tally.limiter)),
            partial(BackfillCheckpoints, cursor=cursor, covered=covered),
        )
        error: Exception | None = None
        outcome = "stopped"
        try:
            with begun.api.answers:
                await begun.run.run()
            outcome = "ok"
        except Exception as raised:  # noqa: BLE001  (a broken feed stops nothing else)
            error = raised
            outcome = "stopped" if isinstance(raised, TurnStopped) else code_of(raised)
        finally:
            begun.watch.release()
            self._spent(tally.limiter.calls)
            if begun.api.trace is not None:
                begun.api.trace.ended(outcome)
        self._metrics.appended(*self._labels, work.feed, begun.raw.appended)
        return begun.run, error

    def _ended(
        self,
        name: str,
        found: Backfill,
        work: Work,
        error: Exception | None,
        behind: dict[str, Any],
        *,
        alone: bool = False,
    ) -> dict[str, Any]:
        """Return what changes with the end of a turn, and let the next one wait where it has to."""
        if isinstance(error, TurnStopped):
            return {}
        read = {"cursor": b"", "done": found.done + (work.lead is not None), **behind} if behind else {}
        if error is None:
            self._gone_in_a_row = 0
            return {"failures": 0, **({} if found.left_out else {"code": "", "sentence": ""}), **read}
        reason = {"code": code_of(error), "sentence": sentence(error)}
        _log.warning("backfill_turn_failed", source=self._source, feed=work.feed, lead=work.lead, **reason)
        if reason["code"] == "broken":
            shown = without_text(error) if self._redacts else error
            _log.error("feed_broke", source=self._source, feed=work.feed, exc_info=shown)
        if work.lead is not None and self._passes_over(found, error, alone=alone):
            counted = "gone" if isinstance(error, Gone) else "left_out"
            return {"failures": 0, **reason, **read, counted: getattr(found, counted) + 1}
        self._rests[name] = self._clock.now() + rest(error, found.failures)
        return {"failures": found.failures + 1, **reason}

    def _passes_over(self, found: Backfill, error: Exception, *, alone: bool) -> bool:
        """Return whether a lead is not tried again.

        Several that are gone in a row may be the platform's trouble: then each is tried as one that is refused.
        """
        tried = found.failures + 1 >= TRIES
        if isinstance(error, Gone):
            self._gone_in_a_row += found.failures == 0
            return tried or self._gone_in_a_row < SEVERAL
        refused = isinstance(error, Rejected | NoRoute | TooHeavy) or code_of(error) == "broken"
        return tried and (refused or (alone and isinstance(error, Denied | Incomplete | Unavailable)))

    def _covered(self, name: str, tally: Tally, cursor: bytes) -> list[CursorEntry]:
        return self._table.go_on(name, cursor=cursor, **tally.more(self._table.get(name)))

    async def _end(self, name: str) -> None:
        found = self._table.get(name)
        lacks = found is not None and (found.left_out or found.given_up or found.unread or found.forgotten)
        outcome = "partial" if lacks else "done"
        self._buckets.pop(name, None)
        self._rests.pop(name, None)
        await self._note(name, ended=self._millis(), outcome=outcome)
        _log.info("backfill_ended", source=self._source, id=name, outcome=outcome)

    async def _note(self, name: str, **changes: Any) -> None:
        await self._writer.store(self._table.go_on(name, **changes))

    def _paced(self, name: str, found: Backfill) -> PacedLimiter:
        """Return what lets the calls of a back-fill through, until it is cancelled or its feed paused."""
        bucket = self._buckets.setdefault(name, TokenBucket(self._rate * found.share))

        def check() -> None:
            self._orders.check(found.feed)
            if self._stopping or (now := self._table.get(name)) is None or now.ended:
                raise TurnStopped(name)

        return PacedLimiter(self._turns.calls.limiter, bucket, self._clock, check=check, changed=self._orders.changed)

    def _millis(self) -> int:
        return int(self._clock.now() * 1000)
