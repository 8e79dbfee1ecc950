"""The watched leads of a tenant, in columns: 18 bytes a lead beside its name, where a dict of them takes 300. Pure."""

from array import array
from collections.abc import Iterator, MutableMapping
from typing import Any, Final

from headrace.poller.held_leads import HeldLeads, SharedNames
from headrace.records.cursors import Watched

_UNSURE: Final = 0x80
"""The bit of `_by` for it."""


class WatchedLeads(MutableMapping[str, Watched]):
    """What is remembered of each watched lead; one of which more is known than most is held as it is.

    Iterating bears changes.
    """

    def __init__(self, names: SharedNames) -> None:
        self.held: Final = HeldLeads(names)
        self._added: Final = array("q")
        self._woken: Final = array("q")
        self._by: Final = array("B")
        self._words: Final[list[str]] = []
        self._odd: Final[dict[int, Watched]] = {}

    def __len__(self) -> int:
        return len(self.held)

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __contains__(self, lead: object) -> bool:
        return lead in self.held

    def __getitem__(self, lead: str) -> Watched:
        row = self.held.find(lead)
        if row < 0:
            raise KeyError(lead)
        return self._odd.get(row) or self._plain(row)

    def __setitem__(self, lead: str, watched: Watched) -> None:
        row = self.held.hold(lead, self._added, self._woken, self._by)
        if watched.by not in self._words:
            self._words.append(watched.by)
        self._added[row], self._woken[row] = watched.added, watched.woken
        self._by[row] = self._words.index(watched.by) | (_UNSURE if watched.unsure else 0)
        self._odd.pop(row, None)
        if self._plain(row) != watched:
            self._odd[row] = watched

    def __delitem__(self, lead: str) -> None:
        row = self.held.leave(lead)
        if row < 0:
            raise KeyError(lead)
        self._odd.pop(row, None)

    def added(self, lead: str) -> int:
        """Return since when (ms) a lead is watched, 0 where it is not."""
        row = self.held.find(lead)
        return self._added[row] if row >= 0 else 0

    def woken_at(self, row: int) -> int:
        """Return when (ms) news of the lead of a row were seen last, 0 where none were."""
        return self._woken[row]

    def unsure(self, row: int) -> bool:
        """Return whether the news that were seen last of the lead of a row may all be brought."""
        return bool(self._by[row] & _UNSURE)

    def _plain(self, row: int) -> Watched:
        by: Any = self._words[self._by[row] & ~_UNSURE]
        return Watched(self._added[row], by, self._woken[row], unsure=self.unsure(row))
