"""What the log says of turns that failed. What a feed goes on without is logged once, and again when it changes."""

from typing import Final

import structlog

from headrace.poller.scheduler import Work
from headrace.sdk.faults import Incomplete

_log = structlog.get_logger()


class TurnLog:
    """The failed turns of one tenant, in the log."""

    def __init__(self, source: str) -> None:
        self._source: Final = source
        self._lacks: Final[dict[str, str]] = {}

    def failed(self, work: Work, code: str, reason: str) -> None:
        """Log that a turn failed; a feed that lacks the same as before fails in every turn for as long as it does."""
        if code == Incomplete.code and work.lead is None:
            if self._lacks.get(work.feed) == reason:
                return
            self._lacks[work.feed] = reason
        _log.warning("turn_failed", source=self._source, feed=work.feed, code=code, reason=reason)

    def read(self, work: Work) -> None:
        """Note a turn that went well: what a feed lacks from now on is news."""
        if work.lead is None and work.reads_on:
            self._lacks.pop(work.feed, None)
