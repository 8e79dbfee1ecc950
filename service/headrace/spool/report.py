"""What a spool holds, read while another process owns it."""

import sqlite3
from pathlib import Path

from msgspec import Struct

from headrace.spool.file import facts_of, look

_GROUPS = (
    "SELECT source, topic, coalesce(reason, ''), count(*), sum(size), min(received) FROM item "
    "WHERE reason IS {} NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)


class SpoolGroup(Struct, frozen=True):
    """Records of one source and topic; `reason` is empty for those that wait. `oldest` is a time of receipt (ms)."""

    source: str
    topic: str
    reason: str
    records: int
    bytes: int
    oldest: int


class SpoolReport(Struct, frozen=True):
    """Everything there is to know of a spool; put = drained + waiting + set aside, since it was made."""

    path: str
    waiting: list[SpoolGroup]
    set_aside: list[SpoolGroup]
    put: int
    drained: int


def report(path: Path) -> SpoolReport:
    """Return what a spool holds; nothing is changed. Raises `CannotSpool`."""
    with look(path) as db:
        facts = facts_of(db)
        return SpoolReport(str(path), _groups(db, ""), _groups(db, "NOT"), facts.put, facts.drained)


def _groups(db: sqlite3.Connection, word: str) -> list[SpoolGroup]:
    return [SpoolGroup(*columns) for columns in db.execute(_GROUPS.format(word))]
