"""Invented values, from a seed."""

import random
import uuid
from typing import Final

_FIRST: Final = ("Ines", "Tomas", "Amara", "Jonas", "Mei", "Ravi", "Clara", "Yusuf", "Nadia", "Piotr")
_LAST: Final = ("Falk", "Okoro", "Lindqvist", "Moreau", "Tanaka", "Bauer", "Silva", "Haddad", "Kowal", "Reyes")
_WORDS: Final = (
    *("the", "offer", "that", "we", "spoke", "about", "last", "week", "is", "ready", "and", "I", "would", "like"),
    *("to", "walk", "you", "through", "it", "on", "Thursday", "morning", "if", "that", "still", "suits", "you"),
    *("please", "bring", "your", "questions", "about", "roof", "garden", "delivery", "and", "financing"),
)


class InventedValues:
    """A source of values; each number above `first` occurs once."""

    def __init__(self, seed: int, first: int = 0) -> None:
        self.rng: Final = random.Random(seed + first)
        self.number = first

    def next(self) -> int:
        """Return the next number."""
        self.number += 1
        return self.number

    def guid(self) -> str:
        """Return a GUID."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def person(self) -> str:
        """Return a name."""
        return f"{self.rng.choice(_FIRST)} {self.rng.choice(_LAST)}"

    def phone(self) -> str:
        """Return a number of the range that is reserved for fiction."""
        return f"+1202555{self.rng.randrange(10_000):04d}"

    def text(self, words: int) -> str:
        """Return a sentence."""
        return " ".join(self.rng.choices(_WORDS, k=words)).capitalize() + "."

    def moment(self, separator: str = " ", end: str = "", later: int = 0) -> str:
        """Return a time of the day that `number` falls on, `later` seconds after it."""
        second = (self.number * 7 + later) % 86_000
        return f"2026-11-20{separator}{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}{end}"
