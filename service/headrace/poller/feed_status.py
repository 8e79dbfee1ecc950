"""What `headrace feeds` shows of a tenant's feeds. Pure: each change returns the entry that stores it."""

from typing import Final

from msgspec.structs import replace

from headrace.poller.fault_policy import Treatment
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, FeedState, entry


class FeedStatuses:
    """The states of one tenant's feeds. Times are seconds since the epoch, in records milliseconds."""

    def __init__(self, source: str, state: TenantState) -> None:
        self._source: Final = source
        self._feeds: Final = dict(state.feeds)

    def of(self, feed: str) -> FeedState:
        """Return the state of a feed."""
        return self._feeds.get(feed, FeedState())

    def began(self, feed: str, now: float) -> None:
        """Note that a turn began."""
        before = self.of(feed)
        self._feeds[feed] = replace(before, turns=before.turns + 1, tried=int(now * 1000))

    def covered(self, feed: str, *, began: float, events: int, due: float) -> CursorEntry:
        """Note a stored cursor: `events` more were appended, and everything up to when the turn `began` is read."""
        before = self.of(feed)
        return self._entry(
            feed,
            replace(
                before,
                events=before.events + events,
                succeeded=max(before.succeeded, int(began * 1000)),
                next=int(due * 1000),
                failures=0,
                code="",
                sentence="",
            ),
        )

    def failed(self, feed: str, treatment: Treatment, sentence: str, now: float) -> CursorEntry:
        """Note a turn that failed."""
        before = self.of(feed)
        again = int((now + treatment.pause) * 1000)
        after = replace(before, next=again, failures=before.failures + 1, code=treatment.code, sentence=sentence)
        return self._entry(feed, after)

    def _entry(self, feed: str, after: FeedState) -> CursorEntry:
        self._feeds[feed] = after
        return entry(self._source, after, feed)
