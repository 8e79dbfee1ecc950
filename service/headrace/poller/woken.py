"""Work that was woken: a line for each kind of work, in which leads stand in the order of their naming. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from headrace.poller.shares import KINDS, Kind

EVENTS_BY_LEAD: Final = 4
"""Events of one lead that are read one by one: where more are woken, the lead is read instead."""
MOST_WOKEN: Final = 5_000
"""Leads of one line, and events of one feed without a lead, that are woken of one tenant."""


class Work(Struct, frozen=True):
    """A turn to take: of a feed, of one lead where the feed is read by lead, of one event where a nudge named it.

    `around` and `span` are those of `Turn`: such a turn reads what was long ago, and says nothing about what is new.
    """

    feed: str
    lead: str | None = None
    event: str | None = None
    around: int | None = None
    span: tuple[int, int] | None = None

    @property
    def reads_on(self) -> bool:
        """Whether its feed reads on to the platform's now, and nothing else."""
        return self.event is None and self.around is None and self.span is None


Slot: TypeAlias = tuple[str, str | None]
"""Feed and lead: one turn of them runs at a time, for they share a cursor."""
Group: TypeAlias = dict[Work, None]
"""What was woken of a slot, in the order in which it was."""


def slot_of(work: Work) -> Slot:
    """Return the slot of work."""
    return work.feed, work.lead


class WokenWork:
    """The lines. All that is woken of a slot stands in one of them: that of the first kind that named it."""

    def __init__(self) -> None:
        self._lines: Final[Mapping[Kind, dict[Slot, Group]]] = {kind: {} for kind in KINDS}
        self._kinds: Final[dict[Slot, Kind]] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, work: Work) -> bool:
        kind = self._kinds.get(slot_of(work))
        return kind is not None and work in self._lines[kind][slot_of(work)]

    def kind(self, work: Work) -> Kind | None:
        """Return in which line work stands, None where it is in none."""
        return self._kinds[slot_of(work)] if work in self else None

    def line(self, kind: Kind) -> Iterator[tuple[Slot, Group]]:
        """Yield what waits in a line."""
        yield from self._lines[kind].items()

    def wake(self, work: Work, kind: Kind) -> bool:
        """Put work in line, merged with what is woken of its slot; return False where the line is full.

        A turn around a fact is merged with none. What was named by a later kind moves up.
        """
        slot = slot_of(work)
        before = self._kinds.get(slot)
        first = kind if before is None or KINDS.index(kind) < KINDS.index(before) else before
        group = {} if before is None else self._lines[before][slot]
        if work not in group:
            if len(group if before is not None and work.lead is None else self._lines[first]) >= MOST_WOKEN:
                return False
            group = _merged(group, work)
        if before is not None and before != first:
            del self._lines[before][slot]
        self._kinds[slot] = first
        self._lines[first][slot] = group
        return True

    def take(self, work: Work) -> None:
        """Take work out of its line."""
        slot = slot_of(work)
        if (kind := self._kinds.get(slot)) is not None:
            group = self._lines[kind][slot]
            group.pop(work, None)
            if not group:
                self.drop(slot)

    def drop(self, slot: Slot) -> tuple[Kind, Group] | None:
        """Take out, and return, all that is woken of a slot."""
        kind = self._kinds.pop(slot, None)
        return None if kind is None else (kind, self._lines[kind].pop(slot))


def _merged(group: Group, work: Work) -> Group:
    far = {each: None for each in group if each.around is not None}
    if work.lead is not None and work.event is not None and len(group) - len(far) >= EVENTS_BY_LEAD:
        group, work = far, Work(work.feed, work.lead)
    return group | {work: None}
