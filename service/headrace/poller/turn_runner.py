"""Takes the turns of one tenant's feeds: what they bring goes to raw, their cursors are stored, their end is noted."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

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
from headrace.poller.part_policy import PartPolicy
from headrace.poller.rate_limiter import RateLimiter
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.retries import Retries
from headrace.poller.scheduler import Work
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.poller.turn_outcome import TurnOutcomes
from headrace.sdk.feed import Feed


class TurnRunner:
    """Takes turns of `feeds`, of which `by_lead` are read by lead.

    `watch_found` is called with the leads that a feed came across, and those of them that have news.
    """

    def __init__(
        self,
        account: Account,
        feeds: Mapping[str, Feed],
        by_lead: Sequence[str],
        *,
        watch_found: Callable[[Sequence[str], Sequence[str]], None],
        appender: Appender,
        raw: Topic,
        letters: Topic,
        clock: Clock,
        limiter: RateLimiter,
        retries: Retries,
        policy: FaultPolicy,
        follow_up: NudgeFollowUp,
        outcomes: TurnOutcomes,
        state: TenantState,
        writer: StateWriter,
        metrics: PollerMetrics,
    ) -> None:
        self._account: Final = account
        self._feeds: Final = feeds
        self._by_lead: Final = by_lead
        self._watch_found: Final = watch_found
        self._appender: Final = appender
        self._raw: Final = raw
        self._letters: Final = letters
        self._clock: Final = clock
        self._limiter: Final = limiter
        self._retries: Final = retries
        self._policy: Final = policy
        self._follow_up: Final = follow_up
        self._outcomes: Final = outcomes
        self._parts: Final = PartPolicy()
        self._state: Final = state
        self._writer: Final = writer
        self._metrics: Final = metrics

    async def run(self, work: Work) -> None:
        """Take one turn to its end, whatever that is."""
        began, feed = self._clock.now(), self._feeds[work.feed]
        watch = self._follow_up.watch(work)
        raw = RawEventWriter(self._appender, self._raw, self._letters, self._account.provider, watch)
        checkpoints = Checkpoints(
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
        )
        api = FeedApi(
            self._account.name,
            clock=self._clock,
            limiter=self._limiter,
            retries=self._retries,
            state=self._state,
            checkpoints=checkpoints,
            answers=self._metrics.answers.hold(),
            parts=self._parts,
            given_up=partial(self._outcomes.give_up_part, work.feed),
        )
        run = FeedRun(feed, work, api, raw, checkpoints)
        self._outcomes.statuses.began(feed.name, began)
        code = "ok"
        try:
            with api.answers:
                await run.run()
        except Exception as error:  # noqa: BLE001  (a broken feed stops no other: its error is logged, and it pauses)
            code = await self._outcomes.failed(work, error, began)
        else:
            self._policy.succeeded(work, self._clock.now(), more=run.unfinished)
            if not run.unfinished:
                await self._outcomes.read(work, began, run)
        finally:
            watch.release()
        self._outcomes.count(work, code, began, raw, run)
