"""The sweep over the leads of one feed: the one read longest ago is next. Pure.

The leads stand in the order in which they were read, those that never were before all others. So the first that is due
and may be read is near the front, whatever was named or woken meanwhile.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

LOOKED_AT: Final = 100
"""Leads that one look passes over at most, because they rest or are being read."""


class Sweep:
    """Leads and when each was read last (0: never), in seconds since the epoch; each rests for `every` seconds."""

    def __init__(self, every: float) -> None:
        self._every: Final = every
        self._read: Final[OrderedDict[str, float]] = OrderedDict()

    @property
    def leads(self) -> Collection[str]:
        """The leads."""
        return self._read.keys()

    def add(self, lead: str, at: float) -> None:
        """Add a lead that was read then, unless it is there: one read before the last of all counts as never read."""
        if lead in self._read:
            return
        if at and at >= (next(reversed(self._read.values())) if self._read else 0.0):
            self._read[lead] = at
        else:
            self.put_first(lead)

    def put_first(self, lead: str) -> None:
        """Let a lead be the next one."""
        self._read[lead] = 0.0
        self._read.move_to_end(lead, last=False)

    def drop(self, lead: str) -> None:
        """Leave out a lead."""
        self._read.pop(lead, None)

    def read(self, lead: str, now: float) -> None:
        """Note that a lead is being read, if it is there."""
        if lead in self._read:
            self._read[lead] = now
            self._read.move_to_end(lead)

    def next(self, now: float, may: Callable[[str], bool]) -> str | None:
        """Return the lead read longest ago that is due and `may` be read; what may not has its turn a round later."""
        for _ in range(min(LOOKED_AT, len(self._read))):
            lead, at = next(iter(self._read.items()))
            if at + self._every > now:
                return None
            if may(lead):
                return lead
            self.read(lead, now)
        return None

    def due(self) -> float | None:
        """Return when the next lead is due, None where there is none."""
        oldest = next(iter(self._read.values()), None)
        return None if oldest is None else oldest + self._every
