"""What orders do to a tenant at once: feeds begin no turns, or begin them now; calls of others count."""

import asyncio
from collections.abc import Collection
from typing import Final

from headrace.config.tenants import Account
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.metrics import PollerMetrics
from headrace.poller.rate_limiter import RateLimiter
from headrace.poller.scheduler import Scheduler, Work
from headrace.records.cursors import CursorEntry


class OrderEffects:
    """See `tenant_orders.Obeying`. `news` is set where there may be work."""

    def __init__(
        self,
        account: Account,
        *,
        scheduler: Scheduler,
        policy: FaultPolicy,
        limiter: RateLimiter,
        news: asyncio.Event,
        metrics: PollerMetrics,
    ) -> None:
        self._labels: Final = (account.provider.name, account.name)
        self._scheduler: Final = scheduler
        self._policy: Final = policy
        self._limiter: Final = limiter
        self._news: Final = news
        self._metrics: Final = metrics

    def pause_feeds(self, feeds: Collection[str]) -> None:
        """See Obeying."""
        self._scheduler.paused = frozenset(feeds)
        self._metrics.paused(*self._labels, self._scheduler.paused)
        self._news.set()

    def wake_now(self, work: Work) -> None:
        """See Obeying."""
        self._policy.wake_now(work)
        self._news.set()

    def spend(self, calls: int, within: int) -> CursorEntry:
        """See Obeying."""
        return self._limiter.spend(calls, within)
