"""What a commit adds to the loss ledger, as records of `seen` hold it: facts, and when each way told them. Pure.

A fact is an id of a tenant; the hour of its time is counted in whole hours since the epoch.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from msgspec import Struct

HOUR_MS: Final = 3_600_000
WEBHOOK: Final = 1
POLL: Final = 2
BOTH: Final = WEBHOOK | POLL

_row: Final = struct.Struct("<16sHHIBq")
"""Digest of the id, numbers of source and kind among the texts, hour, way, and when it came (ms)."""


class FactSeen(NamedTuple):
    """That a way (`WEBHOOK`, `POLL`) told a fact of `hour`, at a time (ms). `kind` says what it is (ledger.py)."""

    key: bytes
    source: str
    kind: str
    hour: int
    way: int
    at: int


class CommitFacts(Struct, frozen=True, array_like=True):
    """The facts of one commit: of hours up to `newest`. The last hour that is closed and forgotten is `closed`.

    `uncounted` and `missed` are numbers of facts by source and hour: those that found no room, and those that only the
    sweep found.
    """

    closed: int
    newest: int = 0
    texts: list[str] = []
    rows: bytes = b""
    uncounted: list[tuple[str, int, int]] = []
    missed: list[tuple[str, int, int]] = []


def pack_facts(facts: Iterable[FactSeen]) -> tuple[list[str], bytes]:
    """Return the texts and the rows of facts."""
    texts: dict[str, int] = {}
    rows = [
        _row.pack(
            fact.key,
            texts.setdefault(fact.source, len(texts)),
            texts.setdefault(fact.kind, len(texts)),
            *(fact.hour, fact.way, fact.at),
        )
        for fact in facts
    ]
    return list(texts), b"".join(rows)


def unpack_facts(part: CommitFacts) -> Iterator[FactSeen]:
    """Yield the facts of a commit, in their order. Raises `ValueError` where they are damaged."""
    try:
        for key, source, kind, hour, way, at in _row.iter_unpack(part.rows):
            yield FactSeen(key, part.texts[source], part.texts[kind], hour, way, at)
    except (struct.error, IndexError) as error:
        raise ValueError(f"the facts of a commit are damaged: {error}") from None
