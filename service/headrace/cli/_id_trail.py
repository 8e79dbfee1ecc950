"""What is known of one id: its copies in raw, and what became of each. Pure.

No topic says which fate a raw record had. What is in `events` was published and what is in `dead-letters` is dead: both
name their raw record. What is held lies in the range that `seen` has of its tenant. Any other fate is worked out by
deciding again on the copies of the id, one by one, with the tables of today, from the mark before the first of them.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from headrace.cli._find_query import SoughtId
from headrace.cli._raw_copies import RawCopy, copy_of, raw_event_of
from headrace.config.tenants import Tenants
from headrace.kafka.consumer import Record
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.decide import decide
from headrace.normalizer.decode import decode, translate
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.mapping_waits import WaitsForMapping
from headrace.records.held import HeldRange
from headrace.records.mark import Mark, pack, unpack
from headrace.records.seen import TOTALS, decode_record
from headrace.sdk.provider import Draft, Dropped
from headrace_events import DeadLetter, Event, Problem

MOST_COPIES: Final = 1_000
MOST_VERSIONS: Final = 200
MOST_SUBJECTS: Final = 50
MOST_BYTES: Final = 16 * 1024 * 1024
"""Of events that stay."""
UNSEEN: Final = "unseen"
"""The fate of a copy of which nothing is known: it would be published or dead today, and neither topic holds it."""

_WITHOUT_TRACE: Final = frozenset(TOTALS) - {"published", "dead", "held"}
"""The fates that no topic shows."""


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

    def __init__(
        self, sought: SoughtId, tenants: Tenants, limits: CommitLimits, held: Mapping[str, HeldRange] | None = None
    ) -> None:
        """Begin with no copy; `tenants` go on, whether paused or not, and `held` is what the partition holds."""
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
        self._held: Final = {} if held is None else held
        self._seen: Final = Seen()
        self._returned: Final[deque[str]] = deque(maxlen=MOST_COPIES)
        """The places of copies that were held: others say that they are copies of them."""
        self._bytes: Final[deque[int]] = deque(maxlen=MOST_VERSIONS)
        self._published: Final[set[int]] = set()
        """The offsets of those copies of which an event was found."""
        self._dead: Final[set[int]] = set()

    @property
    def found(self) -> bool:
        """Return whether there is anything of it."""
        return bool(self.counts.total() or self.marks)

    @property
    def may_be_anywhere(self) -> bool:
        """Return whether it may have events of a lead that no copy tells."""
        return not self.subjects and bool(self.marks or self.counts["copies"] > self.counts["letters"])

    def take_mark(self, mark: Mark, next_offset: int) -> None:
        """Take a mark that a commit wrote."""
        self.marks.append(RememberedMark(mark, next_offset))

    def take_copy(self, record: Record) -> None:
        """Take a copy in raw, and decide on it as the normalizer would. Raises `NewerFormat`."""
        if not self.counts["copies"]:
            self._remember(record.offset)
        self.counts["copies"] += 1
        raw = raw_event_of(record)
        copy = copy_of(record, raw)
        copy.derived = self._decide(record)
        if raw.held:
            self._returned.append(raw.held)
        self._translate(record, copy)
        self.copies.append(copy)

    def take_event(self, place: str, event: Event, size: int) -> None:
        """Take an event of the id; `size` is that of its value."""
        self.counts["events"] += 1
        self._about(event.subject)
        raw = event.data.provenance.raw
        if (raw.topic, raw.partition) == (self._limits.topic, self.partition):
            self._note(self._published, raw.offset)
        self.events.append(FoundEvent(place, event))
        self._bytes.append(size)
        while sum(self._bytes) > MOST_BYTES and len(self.events) > 1:
            self.events.popleft()
            self._bytes.popleft()

    def take_letter(self, place: str, letter: DeadLetter) -> None:
        """Take a dead letter about the id."""
        self.counts["letters"] += 1
        self._note(self._dead, letter.raw.offset)
        self.letters.append(FoundLetterOf(place, letter))

    def settle(self) -> None:
        """Set the fate of each copy, and from what it is known."""
        for copy in self.copies:
            if copy.offset in self._published:
                copy.fate, copy.basis = "published", "events"
            elif copy.offset in self._dead:
                copy.fate, copy.basis = "dead", "dead-letters"
            elif copy.derived == "waits" or (self.position is not None and copy.offset >= self.position):
                copy.fate, copy.basis = "waits", "position"
            elif f"{self.partition}@{copy.offset}" in self._returned:
                copy.fate, copy.basis = "held", "returned"
            elif self._is_held(copy.offset):
                copy.fate, copy.basis = "held", "range"
            else:
                copy.fate = copy.derived if copy.derived in _WITHOUT_TRACE else UNSEEN

    def _is_held(self, offset: int) -> bool:
        one = self._held.get(self.sought.source)
        return one is not None and one.count > 0 and one.first <= offset <= one.last

    def _note(self, offsets: set[int], offset: int) -> None:
        """Note what became of a copy that stays: of copies that went, nothing is shown."""
        if self.copies and offset >= self.copies[0].offset:
            offsets.add(offset)

    def _about(self, subject: str) -> None:
        if len(self.subjects) < MOST_SUBJECTS:
            self.subjects.add(subject)

    def _remember(self, offset: int) -> None:
        """Remember the mark that stood before an offset was decided."""
        before = [one.mark for one in self.marks if one.next_offset <= offset]
        if before:
            rows, more = pack([(self.sought.key, before[-1])])
            self._seen.marks.put(unpack(rows), more)

    def _decide(self, record: Record) -> str:
        """Return the fate that the tables of today and the copies before it lead to."""
        if self._is_held(record.offset):
            return "held"
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
            self._about(became.subject)
