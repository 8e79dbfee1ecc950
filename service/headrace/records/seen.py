"""The records of `seen`: position, marks and totals of one commit; and barriers, which say only that they are one.

Format 2 is that of a partition in which records were ever held: a program that does not know of them would forget them.
What knows nothing of them is written in format 1, which older programs read as well.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from headrace.records.facts import CommitFacts
from headrace.records.held import HeldRange
from headrace.records.mark import ROW, Mark, pack
from headrace.records.newer_format import NewerFormat

FORMAT: Final = 2
FIRST_FORMAT: Final = 1
BARRIER: Final = bytes((FIRST_FORMAT, 0, 0, 0, 0))
"""How a barrier begins: without a header, which every commit has."""
TOTALS: Final = (
    "published",
    "duplicate",
    "unchanged",
    "conflict",
    "stale",
    "mirror",
    "noop",
    "nudged",
    "dead",
    "lost",
    "held",
)
"""The fates of raw records, in the order of the running totals: position = their sum. New ones come last."""
FIRST_TOTALS: Final = TOTALS.index("held")
"""How many of them a record of the first format has."""

Fate = Literal[
    "published", "duplicate", "unchanged", "conflict", "stale", "mirror", "noop", "nudged", "dead", "lost", "held"
]


class SeenHeader(Struct, array_like=True, gc=False):
    """The head of a seen record: position after it, running totals, further meanings of marks, facts, what is held.

    `held` are the ranges that the commit changed.
    """

    next_offset: int
    totals: tuple[int, ...]
    more: list[tuple[bytes, tuple[int, ...]]] = []
    facts: CommitFacts | None = None
    held: tuple[HeldRange, ...] = ()


class SeenRecord(Struct, frozen=True):
    """One committed record of the `seen` topic: position, totals, and the marks that changed, as `pack` wrote them.

    `facts` are those of the loss ledger, commit by commit, each with the position behind it. `held` are the ranges of
    held records that changed, one for each source, as they stand now.
    """

    next_offset: int
    totals: tuple[int, ...]
    rows: bytes
    more: Sequence[tuple[bytes, tuple[int, ...]]] = ()
    facts: Sequence[tuple[int, CommitFacts]] = ()
    held: Sequence[HeldRange] = ()


_ROW_BYTES: Final = ROW.itemsize
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(SeenHeader).decode


def encode_record(
    next_offset: int,
    totals: Sequence[int],
    marks: dict[bytes, Mark],
    facts: CommitFacts | None = None,
    held: Iterable[HeldRange] = (),
) -> bytes:
    """Return a seen record: version byte, length of the header, header, packed marks."""
    rows, more = pack(marks.items())
    ranges = tuple(held)
    version = FORMAT if ranges or any(totals[FIRST_TOTALS:]) else FIRST_FORMAT
    known = tuple(totals) if version == FORMAT else tuple(totals[:FIRST_TOTALS])
    header = _encode(SeenHeader(next_offset, known, more, facts, ranges))
    return bytes((version,)) + len(header).to_bytes(4, "little") + header + rows


def encode_barrier(token: bytes) -> bytes:
    """Return the record by which whoever takes over knows that it has read to the end; `token` tells it from others."""
    return BARRIER + token


def is_barrier(value: bytes) -> bool:
    """Return whether a record is a barrier: it knows no position, and nothing was published with it."""
    return value.startswith(BARRIER)


def decode_record(value: bytes) -> SeenRecord:
    """Return what the record of a commit says. Raises `NewerFormat`, or `ValueError` where it is damaged."""
    header, rows = _split(value)
    facts = () if header.facts is None else ((header.next_offset, header.facts),)
    return SeenRecord(header.next_offset, _totals(header), rows, header.more, facts, header.held)


def decode_records(values: Iterable[bytes]) -> SeenRecord:
    """Return one record for those of several commits (one at least), as `merge` does. Raises as `decode_record`."""
    rows: list[bytes] = []
    more: list[tuple[bytes, tuple[int, ...]]] = []
    facts: list[tuple[int, CommitFacts]] = []
    held: dict[str, HeldRange] = {}
    for value in values:
        header, packed = _split(value)
        rows.append(packed)
        more += header.more
        if header.facts is not None:
            facts.append((header.next_offset, header.facts))
        for one in header.held:
            held[one.source] = one
    return SeenRecord(header.next_offset, _totals(header), b"".join(rows), more, facts, tuple(held.values()))


def _totals(header: SeenHeader) -> tuple[int, ...]:
    return header.totals + (0,) * (len(TOTALS) - len(header.totals))


def _split(value: bytes) -> tuple[SeenHeader, bytes]:
    """Return the header of a record, and its rows."""
    if not value or not FIRST_FORMAT <= value[0] <= FORMAT:
        found = value[0] if value else "nothing"
        raise NewerFormat(f"a record on seen has format {found}, this program reads up to {FORMAT}: upgrade it")
    end = 5 + int.from_bytes(value[1:5], "little")
    header, rows = _decode(value[5:end]), value[end:]
    if len(rows) % _ROW_BYTES:
        raise ValueError(f"the marks take {len(rows)} bytes, which is no multiple of {ROW.itemsize}")
    return header, rows


def merge(records: Sequence[SeenRecord]) -> SeenRecord:
    """Return one record for several, oldest first: it says what all of them say, and has the last one's position."""
    last = records[-1]
    more = [pair for record in records for pair in record.more]
    facts = [part for record in records for part in record.facts]
    held = {one.source: one for record in records for one in record.held}
    rows = b"".join([record.rows for record in records])
    return SeenRecord(last.next_offset, last.totals, rows, more, facts, tuple(held.values()))
