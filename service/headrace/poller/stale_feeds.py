"""Notices of feeds that were not read for longer than they should, whatever the reason."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from headrace.config.tenants import Account
from headrace.poller.metrics import PollerMetrics
from headrace.poller.scheduler import Scheduler
from headrace.sdk.settings import PolledTenant
from headrace_events import NoticeKind

LEAST_SECONDS: Final = 900.0
"""A feed of the whole tenant may be as old as this, or as three of its rests."""
RESTS: Final = 3


class StaleFeeds:
    """The feeds of one tenant; `by_lead` are those that are read lead by lead: each within `max_staleness`."""

    def __init__(
        self,
        account: Account,
        feeds: Sequence[str],
        by_lead: Collection[str],
        *,
        scheduler: Scheduler,
        metrics: PollerMetrics,
    ) -> None:
        own = account.settings
        self._max: Final = own.max_staleness if isinstance(own, PolledTenant) else 0
        self._source: Final = account.source
        self._labels: Final = (account.provider.name, account.name)
        self._feeds: Final = feeds
        self._by_lead: Final = by_lead
        self._scheduler: Final = scheduler
        self._metrics: Final = metrics

    def note(self, now: float, reason: str) -> None:
        """Note which are stale at `now` (seconds since the epoch by our clock); `reason`: why a turn failed last."""
        for feed in self._feeds:
            read, allowed = self._metrics.fresh_at(*self._labels, feed), self._allowed(feed)
            self._metrics.may_be_stale(*self._labels, feed, allowed)
            stale = feed not in self._scheduler.paused and now - read > allowed
            why = f"not read to its end since {_at(read)}{f': {reason}' if reason else ''}"
            self._metrics.notices.note(NoticeKind.FEED_STALE, self._source, why if stale else None, item=feed)

    def _allowed(self, feed: str) -> float:
        """Return how old a feed may be, in seconds."""
        return self._max if feed in self._by_lead else max(LEAST_SECONDS, RESTS * self._scheduler.every(feed))


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(" ", "minutes") + " UTC"
