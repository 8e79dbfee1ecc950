"""Ledger of a simulated platform: all that ever existed, and the events that must result from it."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from headrace_events import Event


class Key(NamedTuple):
    """What is one and the same activity, whatever becomes of it: the native resource and id."""

    resource: str
    id: str


class Found(NamedTuple):
    """One published event: its native resource and id, and all that it says (its JSON), where marks are looked for."""

    resource: str
    id: str
    text: str


def found_of(event: Event) -> Found:
    """Return an event in the form that the ledger takes."""
    return Found(event.data.native.resource, event.data.native.id, msgspec.json.encode(event).decode())


class Move(Struct, frozen=True, gc=False):
    """A version of an activity: when it was made by its own account, and when the platform first shows it."""

    at: float
    appears: float


class Plan(Struct, frozen=True, gc=False):
    """One activity: its number in the history, its lead's, and its versions, the first of which creates it.

    `at` and `appears` rise from version to version; all are whole seconds since the epoch. A version that appears long
    after it was made is a late arrival.
    """

    number: int
    lead: int
    moves: tuple[Move, ...]

    @property
    def created(self) -> float:
        """When it was created, by its own account."""
        return self.moves[0].at

    @property
    def appears(self) -> float:
        """When the platform first shows it."""
        return self.moves[0].appears

    def version(self, now: float) -> int:
        """Return the number of the version that is shown, -1 before there is one."""
        return sum(move.appears <= now for move in self.moves) - 1


_MARK: Final = re.compile(r"no\. \d{8}/\d+")


def mark(number: int, version: int) -> str:
    """Return a text that only this version of this activity has in it, wherever a platform has room for text."""
    return f"no. {number:08d}/{version}"


class PlannedHistory(Protocol):
    """What the ledger reads of a history."""

    marked: bool

    @property
    def plans(self) -> list[Plan]:
        """All activities, by their numbers."""

    def key_of(self, plan: Plan) -> Key | None:
        """Return the key of an activity; None where no event may result from it."""


class Ledger:
    """The books of a history: for each activity the marks of all its versions, and those that exist at a time."""

    def __init__(self, history: PlannedHistory) -> None:
        self._marked: Final = history.marked
        self._plans: Final = {key: plan for plan in history.plans if (key := history.key_of(plan))}

    def __len__(self) -> int:
        return len(self._plans)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._plans)

    def plan(self, key: Key) -> Plan:
        """Return the plan of an activity. Raises `KeyError` for one that never existed."""
        return self._plans[key]

    def versions(self, key: Key) -> list[str]:
        """Return the marks of all versions of an activity that ever existed, in order; one empty one if it has none."""
        plan = self._plans[key]
        return [mark(plan.number, n) for n in range(len(plan.moves))] if self._marked else [""]

    def wanted(self, now: float) -> Mapping[Key, str]:
        """Return what must be known at a time: of each activity the mark of its last version."""
        shown = ((key, plan, plan.version(now)) for key, plan in self._plans.items())
        return {key: mark(plan.number, n) if self._marked else "" for key, plan, n in shown if n >= 0}

    def complaints(self, found: Iterable[Found], now: float, excused: Collection[str] = ()) -> list[str]:
        """Return what is wrong with the published events, in their order: at most a hundred sentences.

        Every activity is there, its last version last, no version twice, none after a newer one, and nothing that
        never existed. Versions between the first and the last may be missing: nobody has to be so quick. The ids that
        are `excused` (rows that were spoiled, leads that are gone) may be missing, or end with any version.
        """
        heard: dict[Key, list[str]] = defaultdict(list)
        for event in found:
            heard[Key(event.resource, event.id)].append(self._mark_in(event.text))
        return list(self._complaints(heard, now, excused))[:100]

    def _complaints(self, heard: Mapping[Key, list[str]], now: float, excused: Collection[str]) -> Iterator[str]:
        wanted = self.wanted(now)
        yield from (f"{key} is missing" for key in wanted if key not in heard and key.id not in excused)
        for key, marks in heard.items():
            if key not in wanted:
                yield f"{key} came from nowhere"
                continue
            known = self.versions(key)
            if strange := [each for each in marks if each not in known]:
                yield f"{key} has versions that never existed: {strange}"
            elif any(known.index(one) >= known.index(other) for one, other in pairwise(marks)):
                yield f"{key} came in the order {marks}"
            elif marks[-1] != wanted[key] and key.id not in excused:
                yield f"{key} ends with {marks[-1]}, not with {wanted[key]}"

    def _mark_in(self, text: str) -> str:
        match = _MARK.search(text) if self._marked else None
        return match.group() if match else ""
