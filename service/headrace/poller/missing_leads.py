"""What was not read though it should have been: the leads whose last turn did not bring everything. Pure."""

from collections import defaultdict
from typing import Final, NamedTuple

from headrace.poller.scheduler import Work


class Missing(NamedTuple):
    """How many leads of a feed are not read, a feed that is not read by lead being one; the first `since` then (s)."""

    leads: int = 0
    since: float = 0.0


class MissingLeads:
    """The leads of one tenant whose last turn failed, by feed, in the order in which they began to fail."""

    def __init__(self) -> None:
        self._since: Final[defaultdict[str, dict[str | None, float]]] = defaultdict(dict)

    def failed(self, work: Work, now: float) -> None:
        """Note a turn that failed, unless it was for an event alone or around a fact: its nudge stays open."""
        if reads_all(work):
            self._since[work.feed].setdefault(work.lead, now)

    def read(self, work: Work) -> None:
        """Note a turn that brought everything."""
        if reads_all(work):
            self._since[work.feed].pop(work.lead, None)

    def drop(self, lead: str) -> None:
        """Miss a lead no more."""
        for leads in self._since.values():
            leads.pop(lead, None)

    def of(self, feed: str) -> Missing:
        """Return what is missing of a feed."""
        leads = self._since[feed]
        return Missing(len(leads), next(iter(leads.values()))) if leads else Missing()


def reads_all(work: Work) -> bool:
    """Return whether a turn reads all of its lead, or of its feed."""
    return work.around is None and (work.lead is not None or work.event is None)
