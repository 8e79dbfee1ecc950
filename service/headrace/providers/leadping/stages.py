"""How far a LeadPing record has come, and the version made of it.

A row changes in place and carries no time of change: its milestones, their number and its status are all there is.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from headrace.core.mapping import fold
from headrace.core.timestamps import from_millis, fromisoformat
from headrace.providers.leadping.times import Times, comparable
from headrace.sdk.provider import Version

_FORWARD: Final = frozenset({"sent", "delivered", "received"})
_COARSE: Final = {
    "pending": _FORWARD,
    "inprogress": _FORWARD,
    "completed": _FORWARD,
    "failed": frozenset({"undeliverable", "blocked"}),
}
"""The words of the old five-word status (the OpenAPI description), and the milestones that say more than they do."""

_SETTLING: Final = ("delivered", "received", "sent")
"""What `Completed` may mean, the farthest first."""

ACTIVE: Final = 5
SETTLED: Final = 6
_RANKS: Final = {
    "draft": 1,
    "scheduled": 1,
    "pending": 1,
    "queued": 2,
    "inprogress": 3,
    "sending": 3,
    "initiated": 3,
    "ringing": 4,
    "active": ACTIVE,
    "delivered": 7,
    "received": 7,
}
"""How far a status has come, 0 (none) to 9. All words that end something rank alike, as do words nobody knows:
between two of them a change counts as news in either direction."""


LONGEST_WORD: Final = 64
"""Characters of a status that is cached: arbitrary values of payloads must not fill the memory."""


def decisive(status: str, times: Collection[str], last: str | None) -> str | None:
    """Return the milestone that says more than a folded status word; `status` is empty where there is none.

    A milestone beats a coarse word: `Completed` with `deliveredAt` is delivered. What is delivered stays so, even
    where two clocks put the sending behind it.
    """
    if not status or last is None:
        return last
    stages = _COARSE.get(status)
    if stages is None:
        return None
    if status == "completed":
        for stage in _SETTLING:
            if stage in times:
                return stage
        return None
    return last if last in stages else None


def rank_of(status: str | None, times: Times, last: str | None) -> int:
    """Return the rank of a row's or detail's status, 0 where it has none.

    A milestone lifts a coarse word to the rank of the fine one: `Pending` with `queuedAt` is the `Queued` of the row.
    """
    if not status:
        return 0
    stages = tuple(times)
    return _rank(status, stages, last) if len(status) <= LONGEST_WORD else _rank.__wrapped__(status, stages, last)


@lru_cache(maxsize=1024)
def _rank(status: str, stages: tuple[str, ...], last: str | None) -> int:
    word = fold(status)
    rank = _RANKS.get(decisive(word, stages, last) or word, SETTLED)
    return max(rank, _RANKS.get(last or "", 0)) if word in _COARSE else rank


def call_rank_of(status: str) -> int:
    """Return the rank of a call's status, whose `in_progress` says that both sides are connected."""
    word = fold(status)
    return ACTIVE if word == "inprogress" else _RANKS.get(word, SETTLED)


def version_of(times: Times, last: str | None, created: str | None, rank: int, received: int) -> Version:
    """Return the number of a state: milliseconds of its newest milestone, their count (two digits), rank (one).

    Milestones after `received` (milliseconds since the epoch) are left out: a clock that runs wild must not outrank
    everything that follows. A record that was created after its newest milestone counts from its creation, one that
    has neither time has no number.
    """
    base = times[last] if last else ""
    if created and created[:-1] > base[:-1]:
        base = created
    if not base:
        return "unknown"
    millis = _millis(base)
    if millis > received:
        limit = comparable(from_millis(received))
        times = {stage: moment for stage, moment in times.items() if comparable(moment) <= limit}
        millis = max(map(_millis, filter(None, (created, *times.values()))), default=received)
    return max(millis, 1) * 1000 + len(times) * 10 + rank


def _millis(moment: str) -> int:
    return round(fromisoformat(moment).timestamp() * 1000)
