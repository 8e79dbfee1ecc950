"""An invented history: activities of invented leads, some late, some changed in place, all from one seed."""

import random
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from headrace_demo.payloads.invent import InventedValues
from headrace_demo.simulators.clock import DAY
from headrace_demo.simulators.ledger import Key, Ledger, Move, Plan

Payload = dict[str, Any]
Thing = TypeVar("Thing")

START: Final = 1_790_812_800.0
"""2026-10-01, a Thursday."""


class Shape(Struct, frozen=True, kw_only=True):
    """What a history is like: shares are of all versions, times in seconds.

    `late` of them appear up to `late_by` after they were made. `edited` of the activities change, up to `edits` times,
    half of the changes within `soon`, half within `edited_by`.
    """

    start: float = START
    span: float = 10 * DAY
    late: float = 0.05
    late_by: float = 3600.0
    edited: float = 0.2
    edits: int = 3
    soon: float = 120.0
    edited_by: float = DAY


class History(ABC):
    """Activities of one account. The same seed and shape give the same history, on every machine.

    `begin` is before all of it, `end` after all of it: a clock at `end` shows everything in its last version.
    """

    provider: ClassVar[str]
    marked: bool = True
    """Whether each version has a text of its own in it."""

    def __init__(
        self, seed: int, events: int = 10_000, *, leads: int | None = None, shape: Shape | None = None
    ) -> None:
        self.seed: Final = seed
        self.shape: Final = shape or Shape()
        count = leads or max(1, events // 50)
        self.leads: Final = [self.lead_id(number) for number in range(count)]
        self.plans: Final = list(self._plans(events))

    @property
    def begin(self) -> float:
        """A time before anything has happened."""
        return self.shape.start

    @cached_property
    def end(self) -> float:
        """The time when everything has appeared."""
        return max((plan.moves[-1].appears for plan in self.plans), default=self.begin)

    @cached_property
    def ledger(self) -> Ledger:
        """All that ever existed, and the events that must result."""
        return Ledger(self)

    @cached_property
    def by_lead(self) -> dict[str, list[Plan]]:
        """The activities of each lead, in the order of their creation."""
        found: dict[str, list[Plan]] = defaultdict(list)
        for plan in self.plans:
            found[self.leads[plan.lead]].append(plan)
        return dict(found)

    @cached_property
    def by_id(self) -> dict[str, Plan]:
        """The activities by their own ids."""
        return {self.id_of(plan): plan for plan in self.plans}

    def values_of(self, number: int) -> InventedValues:
        """Return a source of values, always the same ones for one activity or lead."""
        return InventedValues(self.seed * 1_000_003, number)

    def pick(self, number: int, things: Sequence[Thing]) -> Thing:
        """Return one of some things, always the same for one activity."""
        mixed = (number + 1) * 2_654_435_761 + self.seed * 40_503
        return things[(mixed >> 8 & 0xFFFF) % len(things)]

    def digits(self, kind: str, number: int) -> bytes:
        """Return the sixteen bytes of an id."""
        return blake2b(f"{self.provider}/{self.seed}/{kind}/{number}".encode(), digest_size=16).digest()

    def guid(self, kind: str, number: int) -> str:
        """Return a GUID in lower case."""
        return str(UUID(bytes=self.digits(kind, number), version=4))

    @abstractmethod
    def lead_id(self, number: int) -> str:
        """Return the id of a lead."""

    @abstractmethod
    def id_of(self, plan: Plan) -> str:
        """Return the id of an activity, as the platform writes it."""

    @abstractmethod
    def key_of(self, plan: Plan) -> Key | None:
        """Return the key of the event that an activity must become; None where none may."""

    def moves_of(self, number: int, moves: list[Move]) -> list[Move]:  # noqa: ARG002  (for those who look at the number)
        """Return the versions that an activity has, of those that were drawn for it."""
        return moves

    def _plans(self, events: int) -> Iterator[Plan]:
        """Plan the activities in the order of their creation; some leads have many, most have few."""
        rng, shape = random.Random(self.seed), self.shape
        times = sorted(float(int(shape.start + rng.random() * shape.span)) + 1 for _ in range(events))
        for number, created in enumerate(times):
            lead = min(int(rng.random() ** 1.6 * len(self.leads)), len(self.leads) - 1)
            changes = rng.randint(1, shape.edits) if shape.edits and rng.random() < shape.edited else 0
            moves = self.moves_of(number, list(_moves(rng, created, changes, shape)))
            yield Plan(number, lead, tuple(moves))


def _moves(rng: random.Random, created: float, changes: int, shape: Shape) -> Iterator[Move]:
    at, shown = created, 0.0
    for _ in range(changes + 1):
        late = rng.random() * shape.late_by if rng.random() < shape.late else 0.0
        shown = max(shown + 1, at + int(late))
        yield Move(at, shown)
        at += 1 + int(rng.random() * (shape.soon if rng.random() < 0.5 else shape.edited_by))
