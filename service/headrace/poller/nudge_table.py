"""The nudges of one tenant in memory, by feed and lead, by what they agree in, and by the row that brought one."""

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterator, Mapping
from typing import Final, TypeVar

from msgspec import Struct

from headrace.records.cursors import OpenNudge, encode, entry
from headrace.records.nudge import AddressedNudge

NudgeKey = tuple[str, str]
"""Feed, and key in hex of the raw record that the nudge stands for."""
Slot = tuple[str, str]
"""Feed and lead, which is empty for a feed that is not read by lead."""
Trait = tuple[str, str, str]
"""Feed, name, value."""
Place = TypeVar("Place", Slot, Trait)


class ReadRow(Struct, frozen=True):
    """What a row that was read becomes; `time` is in ms since the epoch, None where it has none."""

    type: str
    traits: Mapping[str, str]
    time: int | None


def key_of(nudge: AddressedNudge) -> NudgeKey:
    """Return the key of a nudge: of one record and feed there is one."""
    return nudge.feed, nudge.record


class NudgeTable:
    """Nudges by key, those that have ended in the order in which they did. Feeds `by_lead` are read by lead."""

    def __init__(self, source: str, by_lead: Collection[str]) -> None:
        self.bytes = 0
        """What all of them take, as they stand in `cursors`."""
        self.ended: Final[dict[NudgeKey, None]] = {}
        self._source: Final = source
        self._by_lead: Final = by_lead
        self._nudges: Final[dict[NudgeKey, OpenNudge]] = {}
        self._sizes: Final[dict[NudgeKey, int]] = {}
        self._by_slot: Final[dict[Slot, dict[NudgeKey, None]]] = defaultdict(dict)
        self._by_trait: Final[dict[Trait, dict[NudgeKey, None]]] = defaultdict(dict)
        self._without_row: Final[Counter[Slot]] = Counter()
        self._by_row: Final[dict[NudgeKey, NudgeKey]] = {}

    def __len__(self) -> int:
        return len(self._nudges)

    def get(self, key: NudgeKey) -> OpenNudge | None:
        """Return the nudge of a key."""
        return self._nudges.get(key)

    def open(self) -> Iterator[tuple[NudgeKey, OpenNudge]]:
        """Yield those that have not ended."""
        yield from [(key, found) for key, found in self._nudges.items() if not found.ended]

    def of_slot(self, feed: str, lead: str | None) -> list[tuple[NudgeKey, OpenNudge]]:
        """Return those of a feed, and of a lead."""
        return [(key, self._nudges[key]) for key in self._by_slot.get(self._slot(feed, lead), ())]

    def has_slot(self, feed: str, lead: str | None) -> bool:
        """Return whether there is any of a feed, and of a lead."""
        return self._slot(feed, lead) in self._by_slot

    def waits_for_row(self, feed: str, lead: str | None) -> bool:
        """Return whether any of a feed, and of a lead, can be brought by a row of another id."""
        return self._without_row[self._slot(feed, lead)] > 0

    def of_row(self, feed: str, row: str) -> OpenNudge | None:
        """Return the nudge whose fact a row is known to say."""
        key = self._by_row.get((feed, row))
        return None if key is None else self._nudges[key]

    def nearest(self, feed: str, row: ReadRow, but: Container[NudgeKey]) -> NudgeKey | None:
        """Return the nudge without a row yet that agrees with this one, of several the nearest in time."""
        keys = {key for trait in row.traits.items() for key in self._by_trait.get((feed, *trait), ())}
        free = ((key, self._nudges[key]) for key in keys if key not in but)
        far = ((_away(found.nudge, row), key) for key, found in free if not found.row)
        return min(((away, key) for away, key in far if away is not None), default=(0, None))[1]

    def size(self, key: NudgeKey, found: OpenNudge) -> int:
        """Return what a nudge takes in `cursors`."""
        return encode(entry(self._source, found, *key)).size

    def room_for(self, key: NudgeKey, found: OpenNudge) -> int:
        """Return how many bytes more there are with a nudge, in place of the one of its key."""
        return self.size(key, found) - self._sizes.get(key, 0)

    def put(self, key: NudgeKey, found: OpenNudge) -> None:
        """Take a nudge, in place of the one of its key."""
        if key in self._nudges:
            self.remove(key)
        self._nudges[key] = found
        self._sizes[key] = self.size(key, found)
        self.bytes += self._sizes[key]
        slot = self._slot(key[0], found.nudge.lead)
        self._by_slot[slot][key] = None
        self._without_row[slot] += _has_no_row(found)
        for trait in _traits(key, found):
            self._by_trait[trait][key] = None
        if found.row:
            self._by_row[key[0], found.row] = key
        if found.ended:
            self.ended[key] = None

    def remove(self, key: NudgeKey) -> None:
        """Forget a nudge."""
        found = self._nudges.pop(key)
        self.bytes -= self._sizes.pop(key)
        self.ended.pop(key, None)
        self._by_row.pop((key[0], found.row), None)
        slot = self._slot(key[0], found.nudge.lead)
        _discard(self._by_slot, slot, key)
        self._without_row[slot] -= _has_no_row(found)
        for trait in _traits(key, found):
            _discard(self._by_trait, trait, key)

    def _slot(self, feed: str, lead: str | None) -> Slot:
        return feed, (lead or "") if feed in self._by_lead else ""


def _traits(key: NudgeKey, found: OpenNudge) -> list[Trait]:
    return [] if found.nudge.span is None else [(key[0], *trait) for trait in found.nudge.traits.items()]


def _has_no_row(found: OpenNudge) -> bool:
    return found.nudge.span is not None and not found.row


def _away(nudge: AddressedNudge, row: ReadRow) -> int | None:
    """Return how far (ms) a row lies from the fact that it agrees with, None where it does not agree."""
    if row.type not in nudge.types or nudge.span is None:
        return None
    if any(row.traits.get(name, value) != value for name, value in nudge.traits.items()):
        return None
    away = 0 if row.time is None else abs(row.time - nudge.time)
    return away if away <= nudge.span * 1000 else None


def _discard(index: dict[Place, dict[NudgeKey, None]], at: Place, key: NudgeKey) -> None:
    index[at].pop(key, None)
    if not index[at]:
        del index[at]
