"""The gate to one platform for one tenant: within its budget, one answer or one fault for each call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from headrace.poller.budget import Budget, Lease, renewed, written
from headrace.poller.clock import Clock
from headrace.poller.http_client import HttpClient
from headrace.poller.metrics_protocol import FeedMetrics
from headrace.records.cursors import Spending
from headrace.sdk.faults import Fault, Throttled
from headrace.sdk.feed import Answer, ApiClient, Call

UNSAID_WAIT: Final = 10.0
"""Seconds that nothing is asked for where a platform throttles and does not say for how long."""
SHORTEST_WAIT: Final = 1.0
"""Seconds of it where a platform says none, or a moment that has passed: dates are cut to the second."""

Store = Callable[[Spending], Awaitable[None]]


class RateLimiter:
    """Lets calls through. `store` makes durable what may be spent, and returns when it is.

    `whose` is provider and tenant.
    """

    def __init__(
        self,
        whose: tuple[str, str],
        client: ApiClient,
        http: HttpClient,
        budget: Budget,
        clock: Clock,
        metrics: FeedMetrics,
        store: Store,
    ) -> None:
        self.whose: Final = whose
        self.client: Final = client
        self.budget: Final = budget
        self.clock: Final = clock
        self.metrics: Final = metrics
        self._lease = Lease()
        self._http: Final = http
        self._store: Final = store
        self._turnstile: Final = asyncio.Lock()
        self._ended: Final = asyncio.Event()

    async def ask(self, signed: Call) -> bytes:
        """Make a call, signed already, once. Raises `Fault`."""
        await self._admitted()
        sent = self.clock.now()
        fault, body = await self._exchanged(signed, sent)
        self.metrics.called(*self.whose, fault.code if fault else "ok", self.clock.now() - sent)
        if fault is not None:
            raise fault
        return body

    def given_back(self) -> Spending:
        """Write what was spent, and nothing ahead: no call is made any more."""
        now = self.clock.now()
        self._lease = Lease()
        return written(self.budget.spent, Lease(until=now), now, self.budget.filled(now))

    async def _exchanged(self, signed: Call, sent: float) -> tuple[Fault | None, bytes]:
        try:
            answer = await self._http.exchange(signed)
        except Fault as fault:
            return fault, b""
        finally:
            self.budget.end(self.clock.now())
            self._ended.set()
        self.clock.hear(answer.headers, sent, self.clock.now())
        self.metrics.skew(*self.whose, self.clock.skew)
        return self._told(answer), answer.body

    def _told(self, answer: Answer) -> Fault | None:
        """Take from an answer what it says about us: what is wrong, and how long nothing may be asked."""
        now, theirs = self.clock.now(), self.clock.theirs()
        fault = self.client.judge(answer, theirs)
        if isinstance(fault, Throttled):
            self.budget.hold(now + (UNSAID_WAIT if fault.wait is None else max(fault.wait, SHORTEST_WAIT)))
        quota = self.client.quota(answer, theirs)
        if quota is not None and quota.left <= self.budget.out:
            self.budget.hold(now + max(0.0, quota.resets - theirs))
        return fault

    async def _admitted(self) -> None:
        """Wait until a call may start, first come, first served; it has started when this returns."""
        async with self._turnstile:
            began = self.clock.now()
            while not await self._may_start():
                pass
            self._lease.use()
            self.budget.start(self.clock.now())
            self.metrics.waited(*self.whose, self.clock.now() - began)
            self.metrics.budget(*self.whose, self.budget.left(self.clock.now()))

    async def _may_start(self) -> bool:
        """Say whether a call may start now; where it may not, wait for what keeps it."""
        wait = self.budget.wait(self.clock.now())
        if wait != 0.0:
            self._ended.clear()
            await _first(self._ended.wait(), wait)
            return False
        if not self._lease.covers(self.clock.now()):
            await self._renew()
            return False  # meanwhile the platform may have said to wait
        return True

    async def _renew(self) -> None:
        now = self.clock.now()
        lease = renewed(self.budget.limits, now)
        await self._store(written(self.budget.spent, lease, now, self.budget.filled(now)))
        self._lease = lease


async def _first(event: Awaitable[object], wait: float | None) -> None:
    """Wait for an event, for so many seconds at most; None is without limit."""
    try:
        async with asyncio.timeout(wait):
            await event
    except TimeoutError:
        return
