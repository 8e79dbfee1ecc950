"""The sweep over the leads of one feed: the one read longest ago is next. Pure.

The leads stand in the order in which they were read, those that never were before all others. So the first that is due
and may be read is near the front, whatever was named or woken meanwhile. The order is a list linked by row numbers:
45 bytes a lead.
"""

from array import array
from collections.abc import Callable, Collection
from typing import Final

from headrace.poller.lead_names import LeadNames

LOOKED_AT: Final = 100
"""Leads that one look passes over at most, because they rest or are being read."""
_NONE: Final = -1


class Sweep:
    """Leads and when each was read last (0: never), in seconds since the epoch; each rests for `every` seconds."""

    def __init__(self, every: float) -> None:
        self._every: Final = every
        self._names: Final = LeadNames()
        self._read: Final = array("d")
        self._before: Final = array("i")
        self._behind: Final = array("i")
        self._first = self._last = _NONE

    @property
    def leads(self) -> Collection[str]:
        """The leads. Iterating bears changes."""
        return self._names

    def add(self, lead: str, at: float) -> None:
        """Add a lead that was read then, unless it is there: one read before the last of all counts as never read."""
        before = len(self._names)
        row = self._names.add(lead)
        if len(self._names) == before:
            return
        if row == len(self._read):
            self._read.append(0.0)
            self._before.append(_NONE)
            self._behind.append(_NONE)
        if at and at >= (self._read[self._last] if self._last >= 0 else 0.0):
            self._put_last(row, at)
        else:
            self._put_first(row)

    def put_first(self, lead: str) -> None:
        """Let a lead be the next one, if it is there."""
        row = self._names.find(lead)
        if row >= 0:
            self._take_out(row)
            self._put_first(row)

    def drop(self, lead: str) -> None:
        """Leave out a lead."""
        row = self._names.remove(lead)
        if row >= 0:
            self._take_out(row)

    def read(self, lead: str, now: float) -> None:
        """Note that a lead is being read, if it is there."""
        row = self._names.find(lead)
        if row >= 0:
            self._take_out(row)
            self._put_last(row, now)

    def next(self, now: float, may: Callable[[str], bool]) -> str | None:
        """Return the lead read longest ago that is due and `may` be read; what may not has its turn a round later."""
        for _ in range(min(LOOKED_AT, len(self._names))):
            row = self._first
            if self._read[row] + self._every > now:
                return None
            lead = self._names.name(row)
            if may(lead):
                return lead
            self._take_out(row)
            self._put_last(row, now)
        return None

    def due(self) -> float | None:
        """Return when the next lead is due, None where there is none."""
        return None if self._first < 0 else self._read[self._first] + self._every

    def _put_first(self, row: int) -> None:
        self._read[row] = 0.0
        self._before[row], self._behind[row] = _NONE, self._first
        if self._first >= 0:
            self._before[self._first] = row
        else:
            self._last = row
        self._first = row

    def _put_last(self, row: int, at: float) -> None:
        self._read[row] = at
        self._before[row], self._behind[row] = self._last, _NONE
        if self._last >= 0:
            self._behind[self._last] = row
        else:
            self._first = row
        self._last = row

    def _take_out(self, row: int) -> None:
        before, behind = self._before[row], self._behind[row]
        if before >= 0:
            self._behind[before] = behind
        else:
            self._first = behind
        if behind >= 0:
            self._before[behind] = before
        else:
            self._last = before
