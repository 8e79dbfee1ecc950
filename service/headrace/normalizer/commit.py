"""What is decided on and what comes out: raw records and limits go in, one `Commit` for one transaction comes out."""

from collections import Counter
from collections.abc import Iterable, Mapping as Dict, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from headrace.core.mapping import Row
from headrace.core.record import ProducerRecord
from headrace.normalizer.dedupe import Seen
from headrace.records.facts import CommitFacts
from headrace.records.held import HeldRange
from headrace.records.mark import Mark
from headrace.records.seen import TOTALS, Fate, encode_record
from headrace.sdk.provider import RawEvent


class RawRecord(Protocol):
    """A raw record as the client returns it."""

    @property
    def offset(self) -> int:
        """Its place in the partition, counted from 0."""

    @property
    def timestamp(self) -> int:
        """When it was appended, in milliseconds since the epoch."""

    @property
    def key(self) -> bytes | None:
        """What decided on its partition."""

    @property
    def value(self) -> bytes | None:
        """The bytes as received."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Name and value of each header; the one of Headrace holds the other fields (records/raw.py)."""


class CommitLimits(Struct, frozen=True):
    """What the topics allow: bytes of one record, and how long (in seconds) marks and raw records are kept.

    `lifetime` is the retention of seen: a mark older than that may be gone from the log. A duplicate whose mark would
    expire before its own raw record, that is `raw_lifetime` later, is marked again. An hour of the loss ledger closes
    `settle` seconds after its end. Of a tenant that is paused or unknown a record is held for `held_for` seconds.
    Where it is `traced`, events name the spans in which they were made.
    """

    topic: str
    partition: int
    event_bytes: int = 2 * 1024 * 1024
    lifetime: int = 35 * 86_400
    raw_lifetime: int = 30 * 86_400
    settle: int = 7_200
    raw_bytes: int = 1024 * 1024
    held_for: int = 29 * 86_400
    traced: bool = False


NO_ROW: Final = Row(label="", type="")
"""The row of what no draft was made of."""


class Decision(Struct, frozen=True, gc=False):
    """One record's fate, for logs, metrics and the demo's lines. What nobody asks for is not worked out.

    `row`, `subject` and `code` are those of a draft, `detail` says more where there is more to say.
    """

    offset: int
    fate: Fate
    raw: RawEvent
    row: Row = NO_ROW
    subject: str = ""
    code: str = ""
    detail: str = ""

    @property
    def source(self) -> str:
        """The source of its tenant."""
        return self.raw.source

    @property
    def type(self) -> str:
        """The word of the draft's type, an empty string where there is none."""
        return self.row.type

    @property
    def provisional(self) -> bool:
        """Whether the row is one for a whole range of codes."""
        return self.row.provisional

    @property
    def note(self) -> str:
        """The detail, or the version of a draft that has a number."""
        numbered = self.row is not NO_ROW and isinstance(self.raw.version, int)
        return self.detail or (str(self.raw.version) if numbered else "")

    @property
    def log_fields(self) -> dict[str, Any]:
        """What the log says of it: nothing of the payload but its subject, redacted where events are."""
        return {
            "offset": self.offset,
            "fate": self.fate,
            "source": self.source,
            "via": self.raw.via,
            "resource": self.raw.resource,
            "id": self.raw.id,
            "subject": self.subject,
            "type": self.type,
            "code": self.code,
            "provisional": self.provisional,
            "received": self.raw.received,
            "note": self.note,
        }


class Commit(Struct, frozen=True, kw_only=True):
    """Everything that one transaction writes, and what memory takes over when it is committed."""

    next_offset: int
    totals: tuple[int, ...]
    events: list[ProducerRecord]
    letters: list[ProducerRecord]
    nudges: list[ProducerRecord]
    marks: dict[bytes, Mark]
    seen_value: bytes
    decisions: list[Decision]
    missed: Counter[str] = Counter()
    """Facts by source that only the sweep found, and discovery did not."""

    @property
    def fates(self) -> Counter[str]:
        """Count the records of this commit by fate."""
        return fates_of(self.decisions)


def fates_of(decisions: Iterable[Decision]) -> Counter[str]:
    """Count decisions by fate."""
    return Counter([decision.fate for decision in decisions])


def skip(seen: Seen, to: int) -> Commit:
    """Return a commit that counts the offsets before `to`, which hold no records any more, as lost."""
    return _position_alone(to, add(seen.totals, {"lost": to - seen.next_offset}))


def rewrite(seen: Seen) -> Commit:
    """Return a commit that writes the position of a quiet partition again, before its last record ages out."""
    return _position_alone(seen.next_offset, seen.totals, seen.held.values())


def note_held(seen: Seen, ranges: Iterable[HeldRange]) -> Commit:
    """Return a commit that says what has become of ranges of held records, and counts nothing."""
    return _position_alone(seen.next_offset, seen.totals, ranges)


def close_hours(seen: Seen, facts: CommitFacts, reports: list[ProducerRecord]) -> Commit:
    """Return a commit that reports hours of the loss ledger, and counts nothing."""
    value = encode_record(seen.next_offset, seen.totals, {}, facts)
    return replace(_position_alone(seen.next_offset, seen.totals), nudges=reports, seen_value=value)


def add(totals: Sequence[int], fates: Dict[str, int]) -> tuple[int, ...]:
    """Return running totals with fates added to them."""
    return tuple(total + fates.get(name, 0) for name, total in zip(TOTALS, totals, strict=True))


def _position_alone(next_offset: int, totals: tuple[int, ...], held: Iterable[HeldRange] = ()) -> Commit:
    return Commit(
        next_offset=next_offset,
        totals=totals,
        events=[],
        letters=[],
        nudges=[],
        marks={},
        seen_value=encode_record(next_offset, totals, {}, held=held),
        decisions=[],
    )
