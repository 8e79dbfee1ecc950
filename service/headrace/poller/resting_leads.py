"""Which leads of a tenant rest, why and until when: what `headrace feeds --resting` shows. Pure."""

from collections.abc import Callable, Iterable
from math import inf
from typing import Final

from msgspec import Struct

from headrace.poller.fault_policy import Treatment
from headrace.poller.missing_leads import Missing, reads_all
from headrace.poller.scheduler import Scheduler, Work
from headrace.records.cursors import CursorEntry, Resting, RestingLead, entry, removed

MOST: Final = 200
"""Leads of one feed that are listed, of those that rest: one that rests later has the place of one that was read."""
LONGEST_SENTENCE: Final = 200
"""Characters of a reason."""


class _Rest(Struct, frozen=True):
    """Why a lead rests; times are in milliseconds."""

    code: str
    sentence: str
    since: int
    until: int
    failures: int
    aside: bool


class RestingLeads:
    """The resting leads of one tenant. `missing` returns how many leads of a feed failed in their last turn.

    `stored` is what an earlier process said: it is over, and said so with the first change.
    """

    def __init__(
        self,
        source: str,
        scheduler: Scheduler,
        missing: Callable[[str], Missing],
        stored: Iterable[tuple[str, Resting]],
    ) -> None:
        self._source: Final = source
        self._scheduler: Final = scheduler
        self._missing: Final = missing
        self._rests: Final[dict[str, dict[str, _Rest]]] = {feed: {} for feed, _ in stored}
        self._stored: Final[dict[str, Resting | None]] = dict(stored)

    def failed(self, work: Work, treatment: Treatment, sentence: str, now: float) -> None:
        """Note that a turn failed, and what it got; one for an event alone, or around a fact, is no lead's."""
        if not reads_all(work) or not treatment.again:
            return
        rests, lead, setback = self._rests.setdefault(work.feed, {}), work.lead or "", self._scheduler.setback(work)
        if lead in rests or len(rests) < MOST:
            rests[lead] = _Rest(
                treatment.code,
                sentence[:LONGEST_SENTENCE],
                int((setback.since or now) * 1000),
                int((now + treatment.rest) * 1000),
                max(1, setback.failures),
                treatment.aside,
            )

    def read(self, work: Work) -> None:
        """Note that a turn brought everything."""
        if reads_all(work):
            self._rests.get(work.feed, {}).pop(work.lead or "", None)

    def drop(self, lead: str) -> None:
        """Let a lead that is watched no more rest no more."""
        for rests in self._rests.values():
            rests.pop(lead, None)

    def changed(self, now: float) -> list[CursorEntry]:
        """Return the entries of the feeds of which other leads rest, or otherwise, than was said last."""
        return [one for feed in list(self._rests) for one in self._entry(feed, now)]

    def _entry(self, feed: str, now: float) -> list[CursorEntry]:
        found, before = self._resting(feed, now), self._stored.get(feed)
        if found == before or (found and before and _at(found, 0) == _at(before, 0)):
            return []
        self._stored[feed] = found
        return [removed(self._source, Resting, feed) if found is None else entry(self._source, found, feed)]

    def _resting(self, feed: str, now: float) -> Resting | None:
        rests = self._rests[feed]
        if not rests:
            return None
        reasons = list(dict.fromkeys((rest.code, rest.sentence) for rest in rests.values()))
        number = {reason: place for place, reason in enumerate(reasons)}
        leads = tuple(
            RestingLead(lead, number[each.code, each.sentence], each.since, each.until, each.failures, each.aside)
            for lead, each in rests.items()
        )
        held = self._scheduler.held_until(feed)  # for ever where people paused it
        more = max(0, self._missing(feed).leads - len(leads))
        return Resting(int(now * 1000), leads, tuple(reasons), more, int(held * 1000) if now < held < inf else 0)


def _at(resting: Resting, at: int) -> Resting:
    return Resting(at, resting.leads, resting.reasons, resting.more, resting.held)
