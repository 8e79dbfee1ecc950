"""Decide on a batch of raw records: what to publish, what to remember. Pure: no I/O, no clock.

1. The version alone settles immutable copies and stale ones: nothing is decoded.
2. What is left is translated; any exception of one record makes that record a dead letter.
3. The mark and the meaning give the fate; what is published gets its id and its raw.
4. All of it, with the new marks, position and totals, is one `Commit` to write in one transaction.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from headrace import __version__
from headrace.config.tenants import Tenants
from headrace.core.problems import from_exception
from headrace.core.record import Out
from headrace.core.timestamps import from_millis
from headrace.normalizer.commit import Commit, CommitLimits, Decision, RawRecord, add
from headrace.normalizer.decode import DecodedRecord, read, translate, translated
from headrace.normalizer.dedupe import Seen, Verdict, judge, judge_replay, settle
from headrace.records.dead_letter import encode_letter
from headrace.records.event import encode_event, event_id, event_of
from headrace.records.mark import IMMUTABLE, UNKNOWN, Mark
from headrace.records.nudge import encode_nudge
from headrace.records.raw import digest_of_bytes, shape_digest
from headrace.records.seen import Fate, encode_record
from headrace.sdk.provider import Draft, Dropped, Identity
from headrace_events import DeadLetter, Problem, Provenance, RawPosition, Source

_KEY_BYTES: Final = 16
_TOGETHER: Final = 500
"""Records that are read and translated before the first of them gets its fate: their drafts fit the cache."""


class WaitsForMapping(Exception):  # noqa: N818  (a state, told in a sentence)
    """The first record of the batch is a replay under a mapping that this task does not have."""


def decide(batch: Sequence[RawRecord], seen: Seen, tenants: Tenants, limits: CommitLimits, now: int) -> Commit:
    """Decide on records that follow `seen.next_offset` without a gap; `now` is in milliseconds since the epoch.

    Raises `NewerFormat` where a newer Headrace wrote a record, `WaitsForMapping` where the first record is a replay
    under another mapping (a later one ends the commit before it).
    """
    return _Batch(batch, seen, tenants, limits, now).commit()


def refuse(record: RawRecord, seen: Seen, limits: CommitLimits, now: int) -> Commit:
    """Make a dead letter of the one record whose outcome Kafka refuses, whatever it says."""
    batch = _Batch([record], seen, Tenants([]), limits, now)
    detail = "Kafka refused what this record became, twice and alone: see the log, mend the topic, then redrive"
    batch.dead(read(record, batch.tenants), Problem("unwritable", "Kafka refused it", detail, Source("$")))
    return batch.done()


class _Batch:
    """The state of one decision: what is read, what comes out."""

    def __init__(
        self, batch: Sequence[RawRecord], seen: Seen, tenants: Tenants, limits: CommitLimits, now: int
    ) -> None:
        self.batch = batch
        self.seen = seen
        self.tenants = tenants
        self.limits = limits
        self.now = now
        self.now_text = from_millis(now)
        self.oldest = now // 1000 - limits.lifetime
        self.found = seen.marks.find([record.key for record in batch if record.key and len(record.key) == _KEY_BYTES])
        self.marks: dict[bytes, Mark] = {}
        self.events: list[Out] = []
        self.letters: list[Out] = []
        self.nudges: list[Out] = []
        self.decisions: list[Decision] = []

    def commit(self) -> Commit:
        for reading in self.readings():
            wanted = reading.raw.replay
            if wanted and reading.account and wanted != reading.mapping:
                if self.decisions:
                    break
                raise WaitsForMapping(
                    f"{reading.source} has mapping {reading.mapping}, offset {reading.record.offset} waits for {wanted}"
                )
            self.decide(reading)
        return self.done()

    def done(self) -> Commit:
        """Sum up what was decided."""
        next_offset = self.seen.next_offset + len(self.decisions)
        totals = add(self.seen.totals, Counter(decision.fate for decision in self.decisions))
        return Commit(
            next_offset,
            totals,
            self.events,
            self.letters,
            self.nudges,
            self.marks,
            encode_record(next_offset, totals, self.marks),
            self.decisions,
        )

    def readings(self) -> Iterator[DecodedRecord]:
        """Give the records in their order, read, and translated where they are likely to be news."""
        for first in range(0, len(self.batch), _TOGETHER):
            readings = [read(record, self.tenants) for record in self.batch[first : first + _TOGETHER]]
            ids = {reading.key: reading for reading in reversed(readings)}  # of one id the first: others may be copies
            translate(r for r in ids.values() if r.became is None and _settled(r, self.mark(r.key)) is None)
            yield from readings

    def decide(self, reading: DecodedRecord) -> None:
        """Give one record exactly one fate."""
        mark = self.mark(reading.key)
        if not isinstance(reading.became, Problem) and (fate := _settled(reading, mark)) is not None:
            self.remember(reading, reading.key, mark)
            self.decided(reading, fate)
            return
        became = reading.became or translated(reading)
        if isinstance(became, Problem):
            self.dead(reading, became)
        elif isinstance(became, Dropped):
            self.decided(reading, became.fate)
        else:
            try:
                self.judged(reading, became, mark)
            except Exception as error:  # noqa: BLE001  (one bad record stays one, wherever it breaks)
                self.dead(reading, from_exception(error, reading.raw.value))

    def judged(self, reading: DecodedRecord, draft: Draft, mark: Mark | None) -> None:
        """Publish a draft, or do not, and mark its id."""
        verdict = self.verdict(reading, draft, mark)
        if verdict.fate == "published":
            out = self.event(reading, draft, again=verdict.again)
            if not out.fits(self.limits.event_bytes):
                self.dead(reading, _too_large(out.size, self.limits.event_bytes))
                return
            self.events.append(out)
        elif verdict.fate == "nudged" and draft.nudge is not None:
            self.nudges.append(encode_nudge(reading.source, draft.nudge))
        if verdict.version is None:
            self.remember(reading, reading.key, mark)
        else:
            # The shape that a mark keeps is the one that told its version: copies without one say nothing about it.
            same = mark is not None and (verdict.fate == "duplicate" or reading.version == UNKNOWN)
            shape = mark.shape if mark is not None and same else shape_digest(reading.raw.shape)
            self.marks[reading.key] = Mark(verdict.version, shape, verdict.meanings, self.now // 1000)
        self.decided(reading, verdict.fate, draft)

    def verdict(self, reading: DecodedRecord, draft: Draft, mark: Mark | None) -> Verdict:
        """Judge a draft by what is remembered of its id."""
        if reading.raw.replay:
            return judge_replay(mark, reading.version, reading.meaning)
        polled = draft.nudge is not None and reading.account is not None and reading.account.settings.polling
        if polled and draft.row.reach == "nudge":
            return Verdict("nudged")
        return judge(mark, reading.version, shape_digest(reading.raw.shape), reading.meaning, polled=polled)

    def event(self, reading: DecodedRecord, draft: Draft, *, again: bool) -> Out:
        """Write a draft down as the event that it becomes."""
        raw = reading.raw
        identity = Identity(raw.resource, raw.id, raw.version)
        named = event_id(identity, reading.meaning, again=again, replay=raw.replay)
        position = RawPosition(self.limits.topic, self.limits.partition, reading.record.offset)
        provenance = Provenance(raw.via, from_millis(raw.received), position, reading.mapping, draft.row.label)
        return encode_event(event_of(draft, reading.source, named, provenance, self.now_text))

    def mark(self, key: bytes) -> Mark | None:
        """Give what is remembered of a digest, this batch's own marks first."""
        mark = self.marks.get(key) or self.found.get(key)
        return mark if mark is not None and mark.at >= self.oldest else None

    def remember(self, reading: DecodedRecord, key: bytes, mark: Mark | None) -> None:
        """Mark a duplicate again where its mark would expire before its own raw record."""
        if mark is None:
            return
        if mark.at + self.limits.lifetime < reading.record.timestamp // 1000 + self.limits.raw_lifetime:
            self.marks[key] = Mark(mark.version, mark.shape, mark.meanings, self.now // 1000)

    def dead(self, reading: DecodedRecord, problem: Problem) -> None:
        """Write a dead letter, once for the same bytes under the same code and mapping, unless it was redriven."""
        record, raw = reading.record, reading.raw
        key = digest_of_bytes(raw.value, f"{__version__} {reading.mapping} {problem.code} {reading.source}")
        known = self.marks.get(key) or self.seen.marks.find([key]).get(key)
        if known is not None and known.at >= self.oldest and not raw.redriven:
            self.remember(reading, key, known)
            self.decided(reading, "duplicate", note="dead letter")
            return
        letter = DeadLetter(
            problem=problem,
            source=reading.source,
            resource=raw.resource or None,
            id=raw.id or None,
            via=raw.via,
            received=from_millis(raw.received),
            recordedtime=self.now_text,
            raw=RawPosition(self.limits.topic, self.limits.partition, record.offset),
            mapping=reading.mapping,
        )
        headers = [(name, data) for name, data in record.headers]
        self.letters.append(encode_letter(letter, record.key or key, raw.value, headers, self.limits.partition))
        self.marks[key] = Mark(IMMUTABLE, 0, (0,), self.now // 1000)
        self.decided(reading, "dead", note=str(problem))

    def decided(self, reading: DecodedRecord, fate: Fate, draft: Draft | None = None, note: str = "") -> None:
        raw = reading.raw
        self.decisions.append(
            Decision(
                reading.record.offset,
                fate,
                reading.source,
                raw.via,
                raw.resource,
                raw.id,
                draft.subject if draft else "",
                draft.row.type if draft else "",
                (draft.data.native.code or "") if draft else "",
                draft.row.provisional if draft else False,
                raw.received,
                note or (str(reading.version) if draft and reading.version > UNKNOWN else ""),
            )
        )


def _settled(reading: DecodedRecord, mark: Mark | None) -> Fate | None:
    """Give the fate that the version alone decides; what is replayed is always looked at."""
    return None if reading.raw.replay else settle(mark, reading.version)


def _too_large(size: int, limit: int) -> Problem:
    detail = f"the event would take {size} bytes, the topic takes {limit}: raise max.message.bytes, then redrive"
    return Problem("too_large", "The event is larger than its topic allows", detail, Source("$"))
