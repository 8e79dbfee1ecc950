"""What `headrace feeds` shows of a tenant's feeds. Pure: each change gives the entry that tells of it."""

from typing import Final

from msgspec.structs import replace

from headrace.poller.fault_policy import Treatment
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, FeedState, entry


class FeedStatuses:
    """The states of one tenant's feeds. Times are seconds since the epoch, as records they are milliseconds."""

    def __init__(self, source: str, kept: TenantState) -> None:
        self._source: Final = source
        self._states: Final = dict(kept.states)

    def of(self, feed: str) -> FeedState:
        """Give the state of a feed."""
        return self._states.get(feed, FeedState())

    def began(self, feed: str, now: float) -> None:
        """Note that a turn began."""
        state = self.of(feed)
        self._states[feed] = replace(state, turns=state.turns + 1, tried=int(now * 1000))

    def covered(self, feed: str, began: float, events: int, due: float) -> CursorEntry:
        """Note a cursor: so many events more, everything up to when its turn began is read."""
        state = self.of(feed)
        return self._told(
            feed,
            replace(
                state,
                events=state.events + events,
                succeeded=max(state.succeeded, int(began * 1000)),
                next=int(due * 1000),
                failures=0,
                code="",
                sentence="",
            ),
        )

    def failed(self, feed: str, treated: Treatment, sentence: str, now: float) -> CursorEntry:
        """Note a turn that ended badly."""
        state = self.of(feed)
        again = int((now + treated.rest) * 1000)
        told = replace(state, next=again, failures=state.failures + 1, code=treated.code, sentence=sentence)
        return self._told(feed, told)

    def _told(self, feed: str, state: FeedState) -> CursorEntry:
        self._states[feed] = state
        return entry(self._source, state, feed)
