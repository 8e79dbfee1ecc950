"""How many leads of a tenant may be dropped: in any hour no more than one in a hundred, or a few. Pure.

A lead goes after it alone was gone for days (gone_leads.py). Where many would go at once, that is rather a wrong
address, other credentials, or a platform that lost its index, and nobody would notice. So they are held back: they stay
watched and are read in their turn. They go once no more of them wait than may go, or when people remove them.
"""

from collections import OrderedDict
from typing import Final

from headrace.poller.gone_leads import TIMES
from headrace.records.cursors import CursorEntry, DroppedLead, Watched

ONE_IN: Final = 100
FEW: Final = 10
"""So many may go even where the tenant has few leads."""
SPAN_SECONDS: Final = 3_600.0


def most(leads: int) -> int:
    """Return how many of so many leads may be dropped in an hour."""
    return max(FEW, leads // ONE_IN)


class DropBound:
    """Which leads of one tenant are held back, and which were dropped lately: as the records of `cursors` say."""

    def __init__(self) -> None:
        self.held: Final[set[str]] = set()
        """The leads that would be dropped, were they not too many."""
        self._dropped: Final[OrderedDict[str, int]] = OrderedDict()

    def take(self, one: CursorEntry) -> None:
        """Take over what is stored of a lead; a dropped one whose record is removed was restored, or is long gone."""
        match one.kind, one.value:
            case "lead", Watched(times=times) if times >= TIMES:
                self.held.add(one.names[0])
            case "lead", _:
                self.held.discard(one.names[0])
            case "dropped", DroppedLead(at=at):
                self._note(one.names[0], at)
            case "dropped", _:
                self._dropped.pop(one.names[0], None)

    def may_drop(self, lead: str, leads: int, now: float) -> bool:
        """Return whether a lead may be dropped, of so many `leads` that are watched; it counts as dropped if so.

        `now` is in seconds since the epoch. What is decided counts at once: it is stored only later.
        """
        self._forget(now)
        waiting = len(self.held) + (lead not in self.held)
        if waiting + len(self._dropped) > most(leads + len(self._dropped)):
            self.held.add(lead)
            return False
        self.held.discard(lead)
        self._note(lead, int(now * 1000))
        return True

    def _note(self, lead: str, at: int) -> None:
        self._dropped[lead] = at
        self._dropped.move_to_end(lead)

    def _forget(self, now: float) -> None:
        """Forget what was dropped longer than an hour ago; a time ahead of ours counts until its hour is over."""
        oldest = int((now - SPAN_SECONDS) * 1000)
        while self._dropped and next(iter(self._dropped.values())) <= oldest:
            self._dropped.popitem(last=False)
