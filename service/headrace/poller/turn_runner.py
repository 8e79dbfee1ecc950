"""Takes the turns of one tenant's feeds: what they bring goes to raw, their cursors are stored, their end is noted."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple

from headrace.config.tenants import Account
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.poller.checkpoints import Checkpoints
from headrace.poller.clock import Clock
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.feed_api import FeedApi
from headrace.poller.feed_run import FeedRun
from headrace.poller.metrics import PollerMetrics
from headrace.poller.nudge_follow_up import NudgeFollowUp
from headrace.poller.paced_limiter import Limiter, TurnStopped
from headrace.poller.part_policy import PartPolicy
from headrace.poller.rate_limiter import RateLimiter
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.retries import Retries
from headrace.poller.row_watch import RowWatch
from headrace.poller.scheduler import Work
from headrace.poller.shares import Kind
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.poller.tenant_orders import TenantOrders
from headrace.poller.turn_outcome import TurnOutcomes
from headrace.poller.turn_trace import trace_turn
from headrace.sdk.feed import Feed


class Calls(NamedTuple):
    """What lets calls through, and what makes them through it."""

    limiter: Limiter
    retries: Retries


class BegunTurn(NamedTuple):
    """One turn, to be run within `api.answers`; `watch` is released at its end."""

    run: FeedRun
    api: FeedApi
    raw: RawEventWriter
    watch: RowWatch


class TurnRunner:
    """Takes turns of `feeds`, of which `by_lead` are read by lead.

    `watch_found` is called with the leads that a feed came across, and those of them that have news; `spent` with a
    turn and the number of its calls, before it ends. What turns bring that are `swept` is marked.
    """

    def __init__(
        self,
        account: Account,
        feeds: Mapping[str, Feed],
        by_lead: Sequence[str],
        *,
        watch_found: Callable[[Sequence[str], Mapping[str, Kind]], None],
        spent: Callable[[Work, int], None],
        swept: Container[Work],
        appender: Appender,
        raw: Topic,
        letters: Topic,
        clock: Clock,
        limiter: RateLimiter,
        retries: Retries,
        policy: FaultPolicy,
        follow_up: NudgeFollowUp,
        outcomes: TurnOutcomes,
        orders: TenantOrders,
        state: TenantState,
        writer: StateWriter,
        metrics: PollerMetrics,
    ) -> None:
        self._account: Final = account
        self._feeds: Final = feeds
        self._by_lead: Final = by_lead
        self._watch_found: Final = watch_found
        self._spent: Final = spent
        self._swept: Final = swept
        self._appender: Final = appender
        self._raw: Final = raw
        self._letters: Final = letters
        self._clock: Final = clock
        self.calls: Final = Calls(limiter, retries)
        """How turns make their calls."""
        self._policy: Final = policy
        self._follow_up: Final = follow_up
        self._outcomes: Final = outcomes
        self._orders: Final = orders
        self._parts: Final = PartPolicy()
        self._state: Final = state
        self._writer: Final = writer
        self._metrics: Final = metrics

    def begin(
        self,
        work: Work,
        began: float,
        calls: Calls,
        checkpoints: Callable[..., Checkpoints] = Checkpoints,
        *,
        swept: bool = False,
    ) -> BegunTurn:
        """Make ready what one turn is read with: its calls go through `calls`."""
        feed, check = self._feeds[work.feed], partial(self._orders.check, work.feed)
        watch = self._follow_up.watch(work)
        raw = RawEventWriter(
            self._appender,
            self._raw,
            self._letters,
            self._account.provider,
            watch,
            swept=swept,
            redacted=self._account.redactor is not None,
        )
        made = checkpoints(
            self._account.source,
            feed,
            work,
            began=began,
            watch_leads=self._watch_found,
            by_lead=self._by_lead,
            clock=self._clock,
            state=self._state,
            raw=raw,
            watch=watch,
            statuses=self._outcomes.statuses,
            writer=self._writer,
            rewind=self._orders.rewind(work.feed, work.lead or ""),
        )
        api = FeedApi(
            self._account.name,
            clock=self._clock,
            limiter=calls.limiter,
            retries=calls.retries,
            state=self._state,
            checkpoints=made,
            answers=self._metrics.answers.hold(),
            parts=self._parts,
            given_up=partial(self._outcomes.give_up_part, work.feed),
            check=check,
            trace=trace_turn(
                self._metrics.tracer,
                provider=self._account.provider.name,
                tenant=self._account.name,
                feed=work.feed,
            ),
        )
        return BegunTurn(FeedRun(feed, work, api, raw, made), api, raw, watch)

    async def run(self, work: Work) -> None:
        """Take one turn to its end, whatever that is."""
        began = self._clock.now()
        run, api, raw, watch = self.begin(work, began, self.calls, swept=work in self._swept)
        self._outcomes.statuses.began(work.feed, began)
        code = "stopped"
        try:
            with api.answers, self._counting(work, api):
                await run.run()
        except TurnStopped:
            self._policy.stopped(work, self._clock.now())
        except Exception as error:  # noqa: BLE001  (a broken feed stops no other: its error is logged, and it pauses)
            code = await self._outcomes.failed(work, error, began)
        else:
            code = "ok"
            self._policy.succeeded(work, self._clock.now(), more=run.unfinished)
            if not run.unfinished:
                await self._outcomes.read(work, began, run)
        finally:
            watch.release()
            if api.trace is not None:  # a turn that is cancelled, too: its calls were recorded below it
                api.trace.ended(code)
        self._outcomes.count(work, code, began, raw, run)

    @contextmanager
    def _counting(self, work: Work, api: FeedApi) -> Iterator[None]:
        """Count the calls of a turn, however it ends."""
        try:
            yield
        finally:
            self._spent(work, api.calls)
