"""Shares of a tenant's calls: which kind of work goes before which, and what each kind gets whatever the others want.

Kinds go in the order of `KINDS`. But a kind is owed its share of all calls that are made; one that is owed a call goes
before those that are owed less. What is owed is bounded: whoever had nothing to do does not save it up. Pure.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["nudged", "due", "found", "unsure", "swept"]
"""What a webhook or a person named; a tenant feed that is due; a lead that such a feed named; one that it named though
what it knows of its news was brought; a lead of the sweep."""

KINDS: Final[Sequence[Kind]] = ("nudged", "due", "found", "unsure", "swept")
SHARES: Final[Mapping[Kind, float]] = MappingProxyType(
    {"nudged": 1 / 4, "due": 1 / 8, "found": 1 / 4, "unsure": 1 / 16, "swept": 1 / 8}
)
MOST_SWEPT: Final = 1 / 2
"""What the sweep gets at most where it must be faster to keep to the longest staleness."""
MOST_OWED: Final = 8.0
"""Calls. A turn costs one, or some."""
MOST_AHEAD: Final = 64.0
"""Calls that one long turn may count against its kind."""


class Shares:
    """The calls that each kind of work is owed."""

    def __init__(self) -> None:
        self._shares: Final = dict(SHARES)
        self._owed: Final[dict[Kind, float]] = dict.fromkeys(KINDS, 0.0)

    @property
    def swept(self) -> float:
        """The sweep's share."""
        return self._shares["swept"]

    @swept.setter
    def swept(self, share: float) -> None:
        self._shares["swept"] = min(max(share, SHARES["swept"]), MOST_SWEPT)

    def owes(self, kind: Kind) -> bool:
        """Return whether a kind is owed a call."""
        return self._owed[kind] >= 1.0

    def order(self) -> list[Kind]:
        """Return all kinds: those that are owed a call first, the most owed before all, then the others."""
        return sorted(KINDS, key=lambda kind: -self._owed[kind] if self.owes(kind) else 0.0)

    def count(self, kind: Kind, calls: int) -> None:
        """Note calls that were made for a kind."""
        for other, share in self._shares.items():
            owed = self._owed[other] + share * calls - (calls if other == kind else 0)
            self._owed[other] = min(max(owed, -MOST_AHEAD), MOST_OWED)
