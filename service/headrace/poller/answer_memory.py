"""Memory of the answers that the feed runs of a process hold: each counts by its weight while it is read, and after.

Where it is used up, what is larger than a small page is refused as too heavy: pages are asked for in halves then, so a
platform whose answers are endless stops no other tenant.
"""

from typing import Final, Self

from headrace.sdk.faults import TooHeavy

MOST_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Weight of one answer."""
FREE_BYTES: Final = 1024 * 1024
"""Weight that a feed run may hold whatever the others do: raw takes no larger record."""
LIMIT_BYTES: Final = 96 * 1024 * 1024
"""Weight of all answers of a process, beside what is free."""


class AnswerSlot:
    """The answers of one feed run, counted while its `with` block runs. `weight` as core/weight.py defines it."""

    __slots__ = ("_memory", "weight")

    def __init__(self, memory: "AnswerMemory") -> None:
        self._memory: Final = memory
        self.weight = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self, weight: int, *, beside: int) -> None:
        """Count a part of an answer, `beside` those before it. Raises `TooHeavy` where there is no room."""
        memory = self._memory
        if beside + weight > MOST_ANSWER_BYTES:
            raise TooHeavy(f"the answer weighs more than {MOST_ANSWER_BYTES:,} bytes")
        if self.weight + weight > FREE_BYTES and memory.weight + weight > memory.limit:
            raise TooHeavy("the answers that are being worked on leave no room for a large one")
        self.weight += weight
        memory.weight += weight
        memory.highest = max(memory.highest, memory.weight)

    def release(self, weight: int | None = None) -> None:
        """Note that so much is not held any more; None is all of it."""
        released = self.weight if weight is None else min(weight, self.weight)
        self.weight -= released
        self._memory.weight -= released


class AnswerMemory:
    """What all answers in memory weigh: `limit` bytes together, and `FREE_BYTES` more of each feed run."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self.limit: Final = limit
        self.weight = 0
        self.highest = 0
        """What `weight` was at most."""

    def hold(self) -> AnswerSlot:
        """Return the slot of a feed run."""
        return AnswerSlot(self)
