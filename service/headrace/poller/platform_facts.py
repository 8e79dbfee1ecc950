"""What feeds have learned about a platform: believed once two turns have seen it, for a week. Pure. Times are in ms.

A platform is not the same for ever, and one odd answer is no rule: what is not believed is asked again.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from headrace.records.cursors import PlatformFact

ENOUGH: Final = 2
"""In so many turns it was seen."""
LIFETIME_MS: Final = 7 * 24 * 3_600_000


class Learned(NamedTuple):
    """A fact that is believed since `since` (ms since the epoch)."""

    name: str
    value: str
    since: int


def noted(before: PlatformFact | None, value: str, now: int) -> PlatformFact:
    """Return a fact as it is after a turn in which it was seen; what is contrary, or too old, begins anew."""
    if before is None or before.value != value or _is_old(before, now):
        return PlatformFact(value, at=now, seen=1)
    if before.seen >= ENOUGH:
        return before
    return PlatformFact(value, at=now, seen=before.seen + 1)


def known(fact: PlatformFact | None, now: int) -> str | None:
    """Return what a fact says, None where it is not believed: seen once, or long ago."""
    return fact.value if fact is not None and fact.seen >= ENOUGH and not _is_old(fact, now) else None


def learned(facts: Mapping[str, PlatformFact], now: int) -> list[Learned]:
    """Return the facts that are believed, by name."""
    return [Learned(name, fact.value, fact.at) for name, fact in sorted(facts.items()) if known(fact, now) is not None]


def _is_old(fact: PlatformFact, now: int) -> bool:
    """Return whether it was seen too long ago; when that was is not known of what older versions stored."""
    return now - fact.at >= LIFETIME_MS
