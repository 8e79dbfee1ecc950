"""The leads of a tenant of which one thing is known: several share one table of names. Pure."""

from array import array
from collections.abc import Collection, Iterator
from typing import Final

from headrace.poller.lead_names import LeadNames


class SharedNames:
    """The names of a tenant's leads, as long as anybody holds them."""

    def __init__(self) -> None:
        self.names: Final = LeadNames()
        self.holders: Final[list[HeldLeads]] = []


class HeldLeads(Collection[str]):
    """Some of the leads of a tenant, by their rows in the shared table. Iterating bears changes."""

    def __init__(self, shared: SharedNames) -> None:
        self._names: Final = shared.names
        self._holders: Final = shared.holders
        self._held: Final = bytearray()
        self._size = 0
        shared.holders.append(self)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, lead: object) -> bool:
        return isinstance(lead, str) and self.find(lead) >= 0

    def __iter__(self) -> Iterator[str]:
        row = 0
        while row < len(self._held):
            if self._held[row]:
                yield self._names.name(row)
            row += 1

    @property
    def rows(self) -> int:
        """How many rows there are, those that are not held among them."""
        return len(self._held)

    def holds(self, row: int) -> bool:
        """Return whether the lead of a row is held."""
        return row < len(self._held) and self._held[row] != 0

    def name(self, row: int) -> str:
        """Return the lead of a row."""
        return self._names.name(row)

    def find(self, lead: str) -> int:
        """Return the row of a lead, -1 where it is not held."""
        row = self._names.find(lead)
        return row if row >= 0 and self.holds(row) else -1

    def hold(self, lead: str, *columns: "array[int]") -> int:
        """Hold a lead from now on; return its row, which the columns have from then on."""
        row = self._names.add(lead)
        if row >= len(self._held):
            self._held.extend(bytes(row + 1 - len(self._held)))
            for column in columns:
                column.frombytes(bytes((row + 1 - len(column)) * column.itemsize))
        self._size += not self._held[row]
        self._held[row] = 1
        return row

    def leave(self, lead: str) -> int:
        """Hold a lead no more; return which row it had, -1 where it was not held."""
        row = self.find(lead)
        if row >= 0:
            self._held[row] = 0
            self._size -= 1
            if not any(each.holds(row) for each in self._holders):
                self._names.remove(lead)
        return row
