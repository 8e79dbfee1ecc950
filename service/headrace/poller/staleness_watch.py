"""Watches whether the sweep keeps a tenant's maximum staleness at its budget."""

import logging
from collections.abc import Mapping
from typing import Final

import structlog

from headrace.config.tenants import Account
from headrace.poller.max_staleness import Sweeping, sweeping
from headrace.poller.metrics import PollerMetrics
from headrace.poller.shares import Shares
from headrace.sdk.limits import CallLimits
from headrace.sdk.settings import PolledTenant
from headrace_events import NoticeKind

STEADY: Final = 0.95
"""What was not kept is kept again once a round takes so much of its time: an average moves a little all the time."""

_log = structlog.get_logger()


class StalenessWatch:
    """Shares out what the sweep needs to keep one tenant's maximum staleness; shows and logs where that is too much."""

    def __init__(self, account: Account, limits: CallLimits, shares: Shares, metrics: PollerMetrics) -> None:
        own = account.settings
        self._within: Final = own.max_staleness if isinstance(own, PolledTenant) else 0
        self._source: Final = account.source
        self._labels: Final = (account.provider.name, account.name)
        self._limits: Final = limits
        self._shares: Final = shares
        self._metrics: Final = metrics
        self._holds = True

    def look(self, leads: Mapping[str, tuple[int, float]]) -> Sweeping:
        """Return what a round through all leads takes now; they are as `sweeping` has them."""
        found = sweeping(leads, self._limits, self._within)
        self._shares.swept = found.share
        self._metrics.sweep(*self._labels, found.seconds, self._within)
        if found.holds != self._holds and (not found.holds or found.seconds <= STEADY * self._within):
            self._holds = found.holds
            _log.log(
                logging.INFO if found.holds else logging.WARNING,
                "max_staleness_kept" if found.holds else "max_staleness_not_kept",
                source=self._source,
                leads=max((count for count, _ in leads.values()), default=0),
                seconds=found.seconds,
                max_staleness=self._within,
                **{f"calls_a_{per}": calls for per, calls in found.would_do.items()},
            )
        why = f"to read every lead takes {found.seconds} s at this budget, max_staleness is {self._within} s"
        self._metrics.notices.note(NoticeKind.BUDGET_TOO_SMALL, self._source, None if self._holds else why)
        return found
