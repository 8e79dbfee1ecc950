"""Nudges of tenants that are not polled (any more): no feed brings what they stand for, so it goes back to raw at once.

As told it is published, or the normalizer says why not. Where the platform shares no id between its ways, it is
remembered as everywhere: the tenant may be polled again, and the row is a duplicate then.
"""

from collections.abc import Container, Iterator, Mapping
from typing import Final

import structlog

from headrace.poller.clock import Clock
from headrace.poller.nudge_table import NudgeKey
from headrace.poller.open_nudges import OpenNudges
from headrace.poller.state import PartitionState
from headrace.records.cursors import CursorEntry, OpenNudge
from headrace.records.nudge import AddressedNudge

_log = structlog.get_logger()


class UnpolledNudges:
    """Those of the tenants in `state` that are not among the `polled`. `window` and `raw_lifetime` are in seconds.

    What is open of a tenant that is `paused` stays so: its feeds go on some time. Where that is too much, it goes back.
    """

    def __init__(
        self,
        state: PartitionState,
        polled: Container[str],
        *,
        paused: Container[str] = (),
        window: float,
        raw_lifetime: float,
    ) -> None:
        self._state: Final = state
        self._paused: Final = paused
        self._window: Final = window
        self._raw_lifetime: Final = raw_lifetime
        self._clock: Final = Clock(begin=max((tenant.newest for tenant in state.tenants.values()), default=0.0))
        self._by_source: Final[dict[str, OpenNudges]] = {
            source: self._restored(source, tenant.nudges)
            for source, tenant in state.tenants.items()
            if source not in polled and tenant.nudges
        }

    @property
    def overfull(self) -> bool:
        """Whether no more may be taken before some have gone back to raw."""
        return any(nudges.overfull for nudges in self._by_source.values())

    def take(self, source: str, nudge: AddressedNudge, at: int) -> None:
        """Take a nudge that was written at a time (ms)."""
        if source not in self._by_source:
            self._by_source[source] = self._restored(source, {})
        self._by_source[source].open(nudge, self._clock.now(), at, expected=False)

    def adopt(self, source: str) -> None:
        """Take over what is open of a tenant that is polled no more; all of it is stored."""
        if stored := self._state.of(source).nudges:
            self._by_source[source] = self._restored(source, stored)

    def take_unstored_of(self, source: str) -> list[CursorEntry]:
        """Return what has changed of one tenant since the last call, to be stored."""
        nudges = self._by_source.get(source)
        return nudges.take_unstored() if nudges else []

    def release(self, source: str) -> None:
        """Leave a tenant to its poller; all that is open of it is stored."""
        self._by_source.pop(source, None)

    def take_unstored(self) -> Iterator[CursorEntry]:
        """Yield what has changed since the last call, to be stored."""
        for nudges in self._by_source.values():
            yield from nudges.take_unstored()

    def look_after(self) -> list[tuple[str, AddressedNudge]]:
        """Return what goes back to raw, each with its source."""
        now, waiting = self._clock.now(), []
        for source, nudges in self._by_source.items():
            nudges.expire(now)
            rests = source in self._paused and not nudges.overfull
            of_source = nudges.in_vain(now, for_their_age=rests)
            if of_source:
                _log.warning("nudges_of_unpolled_tenant", source=source, nudges=len(of_source))
            waiting += [(source, nudge) for nudge in of_source]
        return waiting

    def returned(self, source: str, nudge: AddressedNudge) -> None:
        """Note that the record of a nudge is in raw again."""
        if source in self._by_source:  # else its poller began meanwhile, from what was stored
            self._by_source[source].returned(nudge, self._clock.now())

    def _restored(self, source: str, stored: Mapping[NudgeKey, OpenNudge]) -> OpenNudges:
        nudges = OpenNudges(source, stored, (), window=self._window, raw_lifetime=self._raw_lifetime)
        for feed in {feed for feed, _ in stored}:
            nudges.give_up(feed, "")
        return nudges
