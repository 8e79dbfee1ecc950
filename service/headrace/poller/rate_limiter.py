"""Rate limiter of one tenant: a call starts within the tenant's budget, and ends with one answer or one fault."""

import asyncio
from collections.abc import Awaitable
from typing import Final

import aiohttp

from headrace.config.tenants import Account
from headrace.core.weight import weight
from headrace.poller.answer_memory import AnswerMemory, AnswerSlot
from headrace.poller.budget import Budget, Lease, renewed, written
from headrace.poller.call_pace import OTHERS_LEAVE
from headrace.poller.clock import Clock
from headrace.poller.http_client import MOST_REDIRECTS, HttpClient
from headrace.poller.metrics import REDIRECTED, PollerMetrics
from headrace.poller.platform_client import PlatformClient
from headrace.poller.state_writer import StateWriter
from headrace.records.cursors import CursorEntry, Spending, entry
from headrace.sdk.faults import Fault, Throttled, Unavailable
from headrace.sdk.feed import Answer, ApiClient, Call

DEFAULT_WAIT_SECONDS: Final = 10.0
"""How long no call is made after a platform throttled one and did not say for how long."""
SHORTEST_WAIT_SECONDS: Final = 1.0
"""The same where a platform says 0, or a moment in the past: dates are cut to the second."""


class RateLimiter:
    """Lets calls through, first come, first served. What may be spent is stored before it is spent."""

    def __init__(
        self,
        account: Account,
        api: ApiClient,
        http: HttpClient,
        *,
        budget: Budget,
        clock: Clock,
        writer: StateWriter,
        metrics: PollerMetrics,
    ) -> None:
        self._source: Final = account.source
        self._labels: Final = (account.provider.name, account.name)
        self._api: Final = api
        self._http: Final = http
        self._budget: Final = budget
        self._clock: Final = clock
        self._writer: Final = writer
        self._metrics: Final = metrics
        self._lease = Lease()
        self._newest = Lease()
        """The lease that was written last: it is stored by now, or on its way."""
        self._turnstile: Final = asyncio.Lock()
        self._ended: Final = asyncio.Event()

    async def send(self, signed: Call, slot: AnswerSlot | None = None) -> bytes:
        """Make a signed call once, as soon as the budget allows it; return the body. Raises `Fault`.

        Where it is redirected it goes on as a call of its own: the platform counts that, too. `slot` counts the body,
        of a feed run; one for no feed run is small.
        """
        slot, onward = slot or AnswerMemory(0).hold(), signed
        for _ in range(MOST_REDIRECTS):
            found = await self._send_once(onward, slot)
            if not isinstance(found, Call):
                return found
            onward = found
        raise Unavailable("it redirects without end")

    async def _send_once(self, signed: Call, slot: AnswerSlot) -> bytes | Call:
        await self._admitted()
        sent = self._clock.now()
        found = await self._exchanged(signed, sent, slot)
        self._metrics.called(*self._labels, _outcome(found), self._clock.now() - sent)
        if not isinstance(found, Fault):
            return found
        try:
            if isinstance(found, Throttled):  # a successor keeps to it as well
                await self._writer.store([entry(self._source, written(self._budget, self._newest, self._clock.now()))])
            raise found
        finally:
            # Else the error and its traceback refer to each other, and hold what was read until they are collected.
            del found

    def is_free(self) -> bool:
        """Return whether the budget lets a call start at once."""
        return self._budget.wait(self._clock.now()) == 0.0

    def has_spare(self) -> bool:
        """Return whether more is left of the day's and the year's calls than what live feeds need."""
        return self._budget.has_left(OTHERS_LEAVE, self._clock.now())

    def spend(self, calls: int, within: int = 0) -> CursorEntry:
        """Count calls that somebody else makes within so many seconds; return what is to be stored at once."""
        now = self._clock.now()
        self._budget.spend(calls, now, within)
        return entry(self._source, written(self._budget, self._newest, now))

    def final_spending(self) -> Spending:
        """Return what was spent, without a lease: no further call is made."""
        now = self._clock.now()
        self._lease, self._newest = Lease(), Lease(until=now)
        return written(self._budget, self._newest, now)

    async def _exchanged(self, signed: Call, sent: float, slot: AnswerSlot) -> bytes | Call | Fault:
        """Return the body of a good answer, the call that it redirects to, or what is wrong with it."""
        try:
            answer = await self._http.exchange(signed, slot)
        except Fault as fault:
            return fault
        finally:
            self._budget.end(self._clock.now())
            self._ended.set()
        self._clock.compare(answer.headers, sent, self._clock.now())
        self._metrics.skew(*self._labels, self._clock.skew)
        found = self._redirected(signed, answer) or self._judged(answer)
        if found is None:
            return answer.body
        slot.release(weight(answer.body))
        return found

    def _redirected(self, signed: Call, answer: Answer) -> Call | Fault | None:
        try:
            return self._http.onward(signed, answer)
        except Fault as fault:
            return fault

    def _judged(self, answer: Answer) -> Fault | None:
        """Return what is wrong with an answer; hold the budget for as long as the answer asks for."""
        now, theirs = self._clock.now(), self._clock.theirs_at(answer.headers)
        fault = self._api.judge(answer, theirs)
        if isinstance(fault, Throttled):
            wait = DEFAULT_WAIT_SECONDS if fault.wait is None else max(fault.wait, SHORTEST_WAIT_SECONDS)
            self._budget.hold(now + wait)
        quota = self._api.quota(answer, theirs)
        if quota is not None and quota.left <= self._budget.out:
            self._budget.hold(now + max(0.0, quota.resets - theirs))
        return fault

    async def _admitted(self) -> None:
        """Wait until a call may start; when this returns it counts as started."""
        async with self._turnstile:
            began = self._clock.now()
            while not await self._may_start():
                pass
            self._lease.use()
            self._budget.start(self._clock.now())
            self._metrics.waited(*self._labels, self._clock.now() - began)
            self._metrics.budget(*self._labels, self._budget.left(self._clock.now()))

    async def _may_start(self) -> bool:
        """Return whether a call may start now; where it may not, wait first for what prevents it."""
        wait = self._budget.wait(self._clock.now())
        if wait != 0.0:
            self._ended.clear()
            await _first(self._ended.wait(), wait)
            return False
        if not self._lease.covers(self._clock.now()):
            await self._renew()
            return False  # meanwhile the platform may have said to wait
        return True

    async def _renew(self) -> None:
        now = self._clock.now()
        lease = self._newest = renewed(self._budget.limits, now)
        await self._writer.store([entry(self._source, written(self._budget, lease, now))])
        self._lease = lease


def _outcome(found: bytes | Call | Fault) -> str:
    """Return what the metric calls the outcome of a call."""
    if isinstance(found, Fault):
        return found.code
    return REDIRECTED if isinstance(found, Call) else "ok"


async def _first(event: Awaitable[object], wait: float | None) -> None:
    """Wait for an event, for at most `wait` seconds; None is without limit."""
    try:
        async with asyncio.timeout(wait):
            await event
    except TimeoutError:
        return


def limiter_of(
    account: Account,
    client: PlatformClient,
    session: aiohttp.ClientSession,
    *,
    budget: Budget,
    clock: Clock,
    writer: StateWriter,
    metrics: PollerMetrics,
) -> RateLimiter:
    """Return the rate limiter of a tenant, before its platform's host."""
    http = HttpClient(session, client.api.base_url)
    return RateLimiter(account, client.api, http, budget=budget, clock=clock, writer=writer, metrics=metrics)
