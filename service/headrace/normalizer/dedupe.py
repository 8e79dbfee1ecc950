"""Whether a record is news: the rules over what was published of its id, and the memory that they read.

Pure. Memory changes only through `Seen.apply`, with a record that is committed: what a crash leaves is what the log
says.
"""

from collections import deque
from collections.abc import Generator, Sequence
from typing import Final

from msgspec import Struct

from headrace.normalizer.ledger import Ledger
from headrace.normalizer.mark_table import MarkTable
from headrace.records.facts import CommitFacts
from headrace.records.held import HeldRange
from headrace.records.mark import IMMUTABLE, MOST_MEANINGS, UNKNOWN, Mark, unpack
from headrace.records.replayed import replay_digest, state_of
from headrace.records.seen import TOTALS, Fate, SeenRecord, merge
from headrace.sdk.provider import RawEvent

UNNUMBERED: Final = 1
"""The bit of a remembered meaning that says: it came without a version."""


class Verdict(Struct, frozen=True, gc=False):
    """What becomes of a record whose meaning is known, and the mark to keep (None: as it is).

    `again` says that the version was published before with another meaning, or the record replayed before. `replayed`
    is what the mark keeps of a replay.
    """

    fate: Fate
    version: int | None = None
    meanings: tuple[int, ...] = ()
    again: bool = False
    replayed: int = 0


class Seen:
    """The memory of one raw partition: marks, position, totals, loss ledger, held, as far as `read_to` on `seen`.

    `restored` says that there was a record at all: without one, it is unknown what was published. `last` is the seen
    offset of the newest commit in it, where that is known.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without memory: what it was made of does not stand in the log."""
        self.marks = MarkTable()
        self.ledger = Ledger()
        self.held: dict[str, HeldRange] = {}
        """What is held, by source."""
        self.next_offset = 0
        self.totals: tuple[int, ...] = (0,) * len(TOTALS)
        self.read_to = 0
        self.last: int | None = None
        self.restored = False

    def apply(self, records: Sequence[SeenRecord], read_to: int) -> None:
        """Take over committed records, oldest first; `read_to` is the seen offset behind the last that was read."""
        deque(self.apply_in_pieces(records, read_to), maxlen=0)

    def apply_in_pieces(self, records: Sequence[SeenRecord], read_to: int) -> Generator[None]:
        """Do what `apply` does, some milliseconds of it at a time. Whoever stops amid it applies all of it again."""
        if records:
            merged = merge(records)
            yield from self.marks.put_in_pieces(unpack(merged.rows), merged.more)
            # A restore reads the newest commit again: marks are what they are, but facts would count twice.
            new = (one if upto > self.next_offset else CommitFacts(one.closed) for upto, one in merged.facts)
            self.ledger.apply(new)
            self.held |= {one.source: one for one in merged.held}
            for one in merged.held:
                if not one.count:
                    del self.held[one.source]
            self.next_offset, self.totals = merged.next_offset, merged.totals
            self.restored = True
        self.read_to = read_to


def settle(mark: Mark | None, version: int) -> Fate | None:
    """Decide what the version alone decides, before anything is decoded; None where the meaning is needed."""
    if mark is None:
        return None
    if version == IMMUTABLE:
        return "duplicate"
    if mark.version > version > UNKNOWN:
        return "stale"
    return None


def judge(mark: Mark | None, version: int, shape: int, meaning: int, *, polled: bool, first: int = 0) -> Verdict:
    """Decide by version and meaning, as the table in DECISIONS.md says; `polled`: a feed will bring the version.

    `first` is the digest of what every copy of a record carries that was never edited, 0 of any other.
    """
    if mark is None:
        remembered = _without_version(meaning, first) if version == UNKNOWN else (meaning,)
        return Verdict("published", version, remembered)
    if version == UNKNOWN:
        return _unnumbered(mark, meaning, first, polled=polled)
    if mark.version <= UNKNOWN or version > mark.version:
        return _newer(mark, version, meaning, first)
    return _equal(mark, version, shape, meaning)


def judge_replay(mark: Mark | None, raw: RawEvent, version: int, meaning: int, first: int = 0) -> Verdict:
    """Decide on a record that is read again because its event is another one now: once, and only in place of that.

    What is not remembered, or was published anew since the replay was ordered, is stale.
    """
    if mark is None:
        return Verdict("stale")
    replayed = replay_digest(raw)
    if mark.replayed == replayed:
        return Verdict("duplicate")
    if state_of(mark) != raw.replaces:
        return Verdict("stale")
    new = _without_version(meaning, first) if version == UNKNOWN else (meaning,)
    others = (known for known in mark.meanings if not any(_same(known, one) for one in new))
    meanings = (*new, *others)[:MOST_MEANINGS]
    return Verdict("published", mark.version, meanings, again=bool(mark.replayed), replayed=replayed)


def _unnumbered(mark: Mark, meaning: int, first: int, *, polled: bool) -> Verdict:
    """Judge a copy without a version: it is news only where its meaning is new."""
    same = next((known for known in mark.meanings if _same(known, meaning)), None)
    if same is None:
        if polled and mark.version > UNKNOWN:
            return Verdict("nudged")
        if mark.version > UNKNOWN:
            return Verdict("published", mark.version, (meaning | UNNUMBERED, *mark.meanings)[:MOST_MEANINGS])
        older = (mark.meanings[0], *mark.meanings[2:]) if first else mark.meanings  # without the `first` of the last
        return Verdict("published", UNKNOWN, (*_without_version(meaning, first), *older)[:MOST_MEANINGS])
    if same & UNNUMBERED:
        return Verdict("duplicate")
    # Remember that it came without a version, too: a late copy of it stays a duplicate when the version has moved on.
    return Verdict("duplicate", mark.version, tuple(m | UNNUMBERED if m == same else m for m in mark.meanings))


def _newer(mark: Mark, version: int, meaning: int, first: int) -> Verdict:
    """Judge a newer version, or the first number of an id known without one: news where it differs from the last.

    A record that was never edited is what the copy without a version was, however much more it tells.
    """
    if _same(mark.meanings[0], meaning):
        return Verdict("unchanged", version, mark.meanings)
    if first and mark.version == UNKNOWN and mark.meanings[1:2] == _without_version(first):
        return Verdict("unchanged", version, (meaning, *mark.meanings)[:MOST_MEANINGS])
    return Verdict("published", version, (meaning, *_unnumbered_meanings(mark))[:MOST_MEANINGS])


def _equal(mark: Mark, version: int, shape: int, meaning: int) -> Verdict:
    """Judge the version that is known: another meaning of one shape is an edit within one tick of the clock."""
    if any(_same(known, meaning) for known in mark.meanings):
        return Verdict("duplicate")
    if shape != mark.shape:
        return Verdict("conflict")
    return Verdict("published", version, (meaning, *mark.meanings)[:MOST_MEANINGS], again=True)


def _without_version(*meanings: int) -> tuple[int, ...]:
    """Return meanings as a mark holds those that came without a version."""
    return tuple(meaning | UNNUMBERED for meaning in meanings if meaning)


def _same(known: int, meaning: int) -> bool:
    return known | UNNUMBERED == meaning | UNNUMBERED


def _unnumbered_meanings(mark: Mark) -> tuple[int, ...]:
    return tuple(known for known in mark.meanings if known & UNNUMBERED)
