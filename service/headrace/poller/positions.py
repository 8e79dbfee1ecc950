"""The stored positions of a tenant's feeds, in columns where a feed is read by lead. Pure.

A dict of a million positions takes 500 bytes each. A position by lead takes 20 bytes here beside the name of the lead,
where its cursor says no more than when its lead was read, as that of a lead without news does.
"""

from array import array
from collections.abc import Callable, Iterator, MutableMapping
from typing import Final

from headrace.poller.cursor_values import CursorValues
from headrace.poller.held_leads import HeldLeads, SharedNames
from headrace.records.cursors import Position


class Positions(MutableMapping[tuple[str, str], Position]):
    """Positions by feed and lead, "" where the feed is not read by lead. Iterating bears changes.

    `newest` is the newest time (ms) of all that were ever put.
    """

    def __init__(self, names: SharedNames) -> None:
        self._names: Final = names
        self.newest = 0
        self.whole: Final[dict[str, Position]] = {}
        """Those of feeds that are not read by lead, by feed."""
        self._by_lead: Final[dict[str, _LeadPositions]] = {}

    def __len__(self) -> int:
        return len(self.whole) + sum(len(found.leads) for found in self._by_lead.values())

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from [(feed, "") for feed in self.whole]
        yield from self.keys_by_lead()

    def __getitem__(self, key: tuple[str, str]) -> Position:
        feed, lead = key
        if not lead:
            return self.whole[feed]
        return self._by_lead[feed].position(lead)

    def __setitem__(self, key: tuple[str, str], position: Position) -> None:
        self.newest = max(self.newest, position.at)
        feed, lead = key
        if not lead:
            self.whole[feed] = position
            return
        if feed not in self._by_lead:
            self._by_lead[feed] = _LeadPositions(self._names)
        self._by_lead[feed].put(lead, position)

    def __delitem__(self, key: tuple[str, str]) -> None:
        feed, lead = key
        if not lead:
            del self.whole[feed]
        else:
            self._by_lead[feed].remove(lead)

    def keys_by_lead(self) -> Iterator[tuple[str, str]]:
        """Yield feed and lead of what is read by lead; it bears changes."""
        for feed, found in list(self._by_lead.items()):
            yield from ((feed, lead) for lead in found.leads)

    def read_at(self, feed: str, lead: str) -> int:
        """Return when (ms) the last turn of a lead began that read it to its end, 0 where there was none."""
        found = self._by_lead.get(feed) if lead else None
        if found is not None:
            return found.read_at(lead)
        position = self.get((feed, lead))
        return position.at if position else 0

    def read_at_rows(self, feed: str) -> Callable[[int], int]:
        """Return what gives when (ms) the lead of a row was read; rows are those of all that is held of leads."""
        found = self._by_lead.get(feed)
        return found.read_at_row if found is not None else _never


def _never(_: int) -> int:
    return 0


class _LeadPositions:
    """The positions of one feed by lead: columns by the rows of `leads`; one with more in it is held as it is."""

    def __init__(self, names: SharedNames) -> None:
        self.leads: Final = HeldLeads(names)
        self._values: Final = CursorValues()
        self._at: Final = array("q")
        self._odd: Final[dict[int, Position]] = {}

    def position(self, lead: str) -> Position:
        """Return a position. Raises `KeyError`."""
        row = self.leads.find(lead)
        if row < 0:
            raise KeyError(lead)
        return self._odd.get(row) or Position(self._values[row], self._at[row])

    def read_at(self, lead: str) -> int:
        """Return when (ms) a lead was read."""
        row = self.leads.find(lead)
        return self._at[row] if row >= 0 else 0

    def read_at_row(self, row: int) -> int:
        """Return when (ms) the lead of a row was read."""
        return self._at[row] if self.leads.holds(row) else 0

    def put(self, lead: str, position: Position) -> None:
        """Take over a position."""
        row = self.leads.hold(lead, self._at, self._values.forms, self._values.numbers)
        self._at[row] = position.at
        if position == Position(position.value, position.at):
            self._odd.pop(row, None)
            self._values[row] = position.value
        else:
            self._odd[row] = position
            self._values.clear(row)

    def remove(self, lead: str) -> None:
        """Forget a position. Raises `KeyError`."""
        row = self.leads.leave(lead)
        if row < 0:
            raise KeyError(lead)
        self._odd.pop(row, None)
        self._values.clear(row)
