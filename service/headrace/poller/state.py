"""What a poller remembers, as the records of its partition of `cursors` tell it. Pure: memory follows the log."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from headrace.records.cursors import (
    CursorEntry,
    CursorValue,
    FeedState,
    PlatformFact,
    Position,
    SealedTokens,
    SearchPosition,
    Spending,
    Standing,
    Watched,
)

V = TypeVar("V", bound=CursorValue)


class TenantState:
    """What is remembered of one tenant. Positions are by feed and lead, "" where the feed is not read by lead."""

    def __init__(self) -> None:
        self.positions: Final[dict[tuple[str, str], Position]] = {}
        self.leads: Final[dict[str, Watched]] = {}
        self.facts: Final[dict[str, PlatformFact]] = {}
        self.states: Final[dict[str, FeedState]] = {}
        self.token: SealedTokens | None = None
        self.spending: Spending | None = None
        self.standing = Standing()

    def longest_unread(self, feed: str, leads: Iterable[str], unnamed: int = 0) -> int:
        """Give when the lead was read that was read longest ago, for one that never was when it was named; 0: none.

        `unnamed` holds for leads that were never read, and of which nobody knows when they were named.
        """
        moments = []
        for lead in leads:
            position, watched = self.positions.get((feed, lead)), self.leads.get(lead)
            moments.append((position and position.at) or (watched and watched.added) or unnamed)
        return min(filter(None, moments), default=0)

    def apply(self, told: CursorEntry) -> None:
        """Take over one entry."""
        name, value = told.names[0] if told.names else "", told.value
        match told.kind:
            case "cursor":
                _put(self.positions, (told.names[0], told.names[1]), value)
            case "lead":
                _put(self.leads, name, value)
            case "fact":
                _put(self.facts, name, value)
            case "state":
                _put(self.states, name, value)
            case "token":
                self.token = value if isinstance(value, SealedTokens) else None
            case "spent":
                self.spending = value if isinstance(value, Spending) else None
            case "standing":
                self.standing = value if isinstance(value, Standing) else Standing()


class PartitionState:
    """What is remembered in one partition of `cursors`; `read_to` is how far the log was read."""

    def __init__(self) -> None:
        self.tenants: Final[dict[str, TenantState]] = {}
        self.reads: Final[dict[int, int]] = {}
        self.read_to = 0

    def of(self, source: str) -> TenantState:
        """Give what is remembered of a tenant."""
        return self.tenants.setdefault(source, TenantState())

    def apply(self, entries: Iterable[CursorEntry]) -> None:
        """Take over entries, in their order in the log."""
        for told in entries:
            if told.kind != "read":
                self.of(told.source).apply(told)
            elif isinstance(told.value, SearchPosition):
                self.reads[int(told.names[0])] = told.value.offset


def _put(kept: dict[Any, V], key: object, value: CursorValue | None) -> None:
    if value is None:
        kept.pop(key, None)
    else:
        kept[key] = value  # type: ignore[assignment]  # the kind of the record decided its type
