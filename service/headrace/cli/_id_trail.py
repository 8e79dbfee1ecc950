"""What is known of one id: its copies in raw, and what became of each. Pure.

No topic says which fate a raw record had. What is in `events` was published and what is in `dead-letters` is dead: both
name their raw record. Any other fate is worked out by deciding again on the copies of the id, one by one, with the
tables of today, from the mark that was remembered before the first of them.
"""

from collections import Counter, deque
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from headrace.cli._find_query import SoughtId
from headrace.config.tenants import Tenants
from headrace.kafka.consumer import Record
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.decide import decide
from headrace.normalizer.decode import decode, translate
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.mapping_waits import WaitsForMapping
from headrace.records.mark import Mark, pack, unpack
from headrace.records.raw import from_raw_record
from headrace.records.seen import decode_record
from headrace.sdk.provider import Draft, Dropped, RawEvent, Version
from headrace_events import DeadLetter, Event, Problem, Via

MOST_COPIES: Final = 1_000
MOST_VERSIONS: Final = 200
MOST_SUBJECTS: Final = 50
MOST_BYTES: Final = 16 * 1024 * 1024
"""Of events that stay."""
UNSEEN: Final = "unseen"
"""The fate of a copy that today would be published, or a letter, while neither topic holds it."""
_ASIDE: Final = ("id", "recordedtime", "partitionkey", "data.category", "data.action", "data.provenance")

Basis = Literal["events", "dead-letters", "position", "returned", "derived"]


class RawCopy(Struct, kw_only=True):
    """A copy in raw: where it stands, when it was appended (ms), how it came, and what became of it.

    `basis` says from what the fate is known; `derived` is what the tables of today make of it, with its type.
    """

    offset: int
    appended: int
    size: int
    received: int
    via: str
    how: list[str]
    shape: str
    version: Version
    delivery: str
    derived: str
    type: str = ""
    row: str = ""
    mapping: str = ""
    problem: Problem | None = None
    fate: str = ""
    basis: Basis = "derived"


class FoundEvent(Struct):
    """An event of the id, and its place on events."""

    place: str
    event: Event


class FoundLetterOf(Struct):
    """A dead letter about the id, and its place on dead-letters."""

    place: str
    letter: DeadLetter


class RememberedMark(Struct):
    """What `seen` says of the id: the mark, and the raw offset before which everything was decided by then."""

    mark: Mark
    next_offset: int


class IdTrail:
    """Everything that is found of one id in one partition. The newest copies and versions stay, of others the number.

    Take marks first, then copies, then events and letters, each in their order; then `settle`.
    """

    def __init__(self, sought: SoughtId, tenants: Tenants, limits: CommitLimits) -> None:
        self.sought: Final = sought
        self.partition: Final = limits.partition
        self.copies: Final[deque[RawCopy]] = deque(maxlen=MOST_COPIES)
        self.events: Final[deque[FoundEvent]] = deque(maxlen=MOST_VERSIONS)
        self.letters: Final[deque[FoundLetterOf]] = deque(maxlen=MOST_VERSIONS)
        self.marks: Final[deque[RememberedMark]] = deque(maxlen=MOST_COPIES)
        self.counts: Final[Counter[str]] = Counter()
        """How many copies, events and letters there are, shown or not."""
        self.subjects: Final[set[str]] = set()
        self.position: int | None = None
        self._tenants: Final = tenants
        self._limits: Final = limits
        self._seen: Final = Seen()
        self._returned: Final[deque[str]] = deque(maxlen=MOST_COPIES)
        """The places of copies that were held: others say that they are copies of them."""
        self._bytes: Final[deque[int]] = deque(maxlen=MOST_VERSIONS)

    @property
    def found(self) -> bool:
        """Return whether there is anything of it."""
        return bool(self.counts.total() or self.marks)

    def take_mark(self, mark: Mark, next_offset: int) -> None:
        """Take a mark that a commit wrote."""
        self.marks.append(RememberedMark(mark, next_offset))

    def take_copy(self, record: Record) -> None:
        """Take a copy in raw, and decide on it as the normalizer would. Raises `NewerFormat`."""
        if not self.counts["copies"]:
            self._remember(record.offset)
        self.counts["copies"] += 1
        raw = _raw_event(record)
        copy = RawCopy(
            offset=record.offset,
            appended=record.timestamp,
            size=len(record.value or b""),
            received=raw.received,
            via=str(raw.via),
            how=_how(raw),
            shape=raw.shape,
            version=raw.version,
            delivery=raw.delivery,
            derived=self._decide(record),
        )
        if raw.held:
            self._returned.append(raw.held)
        self._translate(record, copy)
        self.copies.append(copy)

    def take_event(self, place: str, event: Event, size: int) -> None:
        """Take an event of the id; `size` is that of its value."""
        self.counts["events"] += 1
        self.events.append(FoundEvent(place, event))
        self._bytes.append(size)
        while sum(self._bytes) > MOST_BYTES and len(self.events) > 1:
            self.events.popleft()
            self._bytes.popleft()

    def take_letter(self, place: str, letter: DeadLetter) -> None:
        """Take a dead letter about the id."""
        self.counts["letters"] += 1
        self.letters.append(FoundLetterOf(place, letter))

    def settle(self) -> None:
        """Set the fate of each copy, and from what it is known."""
        published = {one.event.data.provenance.raw.offset for one in self.events if self._is_here(one.event)}
        dead = {one.letter.raw.offset for one in self.letters}
        for copy in self.copies:
            if copy.offset in published:
                copy.fate, copy.basis = "published", "events"
            elif copy.offset in dead:
                copy.fate, copy.basis = "dead", "dead-letters"
            elif copy.derived == "waits" or (self.position is not None and copy.offset >= self.position):
                copy.fate, copy.basis = "waits", "position"
            elif f"{self.partition}@{copy.offset}" in self._returned:
                copy.fate, copy.basis = "held", "returned"
            else:
                copy.fate = UNSEEN if copy.derived in {"published", "dead"} else copy.derived

    def _is_here(self, event: Event) -> bool:
        raw = event.data.provenance.raw
        return (raw.topic, raw.partition) == (self._limits.topic, self.partition)

    def _remember(self, offset: int) -> None:
        """Remember the mark that stood before an offset was decided."""
        before = [one.mark for one in self.marks if one.next_offset <= offset]
        if before:
            rows, more = pack([(self.sought.key, before[-1])])
            self._seen.marks.put(unpack(rows), more)

    def _decide(self, record: Record) -> str:
        """Return the fate that the tables of today and the copies before it lead to."""
        self._seen.next_offset = record.offset
        try:
            commit = decide([record], self._seen, self._tenants, self._limits, record.timestamp)
        except WaitsForMapping:
            return "waits"
        self._seen.apply([decode_record(commit.seen_value)], 0)
        return commit.decisions[0].fate

    def _translate(self, record: Record, copy: RawCopy) -> None:
        """Note what the tables of today make of a copy, whatever its fate."""
        decoded = decode(record, self._tenants)
        copy.mapping = decoded.mapping
        if decoded.waits:
            return
        became = decoded.became or translate(decoded)
        if isinstance(became, Problem):
            copy.problem = became
        else:
            copy.row = became.row if isinstance(became, Dropped) else became.row.label
        if isinstance(became, Draft):
            copy.type = became.row.type
            if len(self.subjects) < MOST_SUBJECTS:
                self.subjects.add(became.subject)


def _raw_event(record: Record) -> RawEvent:
    """Return the raw event of a record, one that says so where it is damaged. Raises `NewerFormat`."""
    try:
        return from_raw_record(record.headers, record.value)
    except (LookupError, ValueError, RecursionError):
        return RawEvent(provider="", tenant="", shape="damaged", via=Via.INGEST, received=record.timestamp)


def _how(raw: RawEvent) -> list[str]:
    """Return what is special about the way a copy came."""
    ways = {
        f"redriven from letter {raw.letter}" if raw.letter else "redriven": raw.redriven,
        f"replayed under mapping {raw.replay}": bool(raw.replay),
        "returned, as told": raw.as_told,
        "twin of what was told": raw.twin,
        "found by the sweep": raw.swept,
        f"returned, held at {raw.held}": bool(raw.held),
    }
    return [way for way, is_so in ways.items() if is_so]


def changes(before: Event, after: Event) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two versions of an event, by path: not where they came from, nor their ids."""
    old, new = (_flat(msgspec.to_builtins(one)) for one in (before, after))
    return {
        path: (old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        path = f"{prefix}{name}"
        if path in _ASIDE:
            continue
        if isinstance(inner, dict):
            found |= _flat(inner, f"{path}.")
        else:
            found[path] = inner
    return found
