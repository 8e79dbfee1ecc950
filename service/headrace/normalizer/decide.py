"""Decide on a batch of raw records: what to publish, what to remember. Pure: no I/O, no clock.

1. The version alone settles immutable copies and stale ones: nothing is decoded.
2. What is left is translated; any exception of one record makes that record a dead letter.
3. The mark and the meaning give the fate; what is published becomes an event with an id and its provenance. What a
   webhook told, and a feed of this tenant will bring, wakes that feed instead.
4. All of it, with the new marks, position and totals, is one `Commit` to write in one transaction.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from headrace import __version__
from headrace.config.tenants import Tenants
from headrace.core.problems import Undecodable, from_exception, unquoted
from headrace.core.record import ProducerRecord
from headrace.core.timestamps import from_millis
from headrace.normalizer.batch_facts import BatchFacts
from headrace.normalizer.commit import Commit, CommitLimits, Decision, RawRecord, add
from headrace.normalizer.decode import DecodedRecord, decode, translate, translate_by_shape
from headrace.normalizer.dedupe import Seen, Verdict, judge, judge_replay, settle
from headrace.normalizer.held import HeldInBatch
from headrace.normalizer.mapping_waits import WaitsForMapping, has_waited, lacks_mapping, no_mapping
from headrace.normalizer.nudge import nudge_record
from headrace.records.dead_letter import encode_letter
from headrace.records.event import encode_event, event_id, event_of, first_of, use_later, whole_digest
from headrace.records.mark import IMMUTABLE, UNKNOWN, Mark
from headrace.records.raw import letter_digest, shape_digest
from headrace.records.replayed import OTHER_EVENT, replay_id
from headrace.records.seen import Fate, encode_record
from headrace.sdk.provider import Draft, Dropped, Identity
from headrace_events import DeadLetter, Problem, Provenance, RawPosition, Source

_KEY_BYTES: Final = 16
_TOGETHER: Final = 500
"""Records that are read and translated before the first of them gets its fate: their drafts fit the cache."""


def decide(batch: Sequence[RawRecord], seen: Seen, tenants: Tenants, limits: CommitLimits, now: int) -> Commit:
    """Return the commit for records that follow `seen.next_offset` without a gap; `now` is in ms since the epoch.

    Raises `NewerFormat` where a newer Headrace wrote a record, `WaitsForMapping` where the first record is a replay
    under another mapping (a later one ends the commit before it), until it has waited for long enough.
    """
    return _Batch(batch, seen, tenants, limits, now).commit()


def refuse(record: RawRecord, seen: Seen, tenants: Tenants, limits: CommitLimits, now: int) -> Commit:
    """Return a commit with a dead letter for the one record whose outcome Kafka refuses, whatever it says."""
    batch = _Batch([record], seen, Tenants([]), limits, now)
    detail = "Kafka refused what this record became, twice and alone: see the log, mend the topic, then redrive"
    batch.write_letter(decode(record, tenants), Problem("unwritable", "Kafka refused it", detail, Source("$")))
    return batch.to_commit()


class _Batch:
    """One batch while it is decided: the records, and what becomes of them."""

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
        self.events: list[ProducerRecord] = []
        self.letters: list[ProducerRecord] = []
        self.nudges: list[ProducerRecord] = []
        self.decisions: list[Decision] = []
        self.held = HeldInBatch(seen.held)
        began = batch[0].timestamp if batch and tenants.by_source else 0  # without tenants, no hour is closed
        self.facts = BatchFacts(seen.ledger, tenants.both_ways, began=began, settle=limits.settle)

    def commit(self) -> Commit:
        """Decide on the records in their order. Raises `WaitsForMapping`, `NewerFormat`."""
        for decoded in self.decode():
            if not lacks_mapping(decoded):
                self.decide_one(decoded)
            elif has_waited(decoded, self.now):
                self.write_letter(decoded, no_mapping(decoded))
            elif self.decisions:
                break
            else:
                raise WaitsForMapping(decoded)
        return self.to_commit()

    def to_commit(self) -> Commit:
        """Return what was decided as one commit."""
        # 4. all of it at once
        next_offset = self.seen.next_offset + len(self.decisions)
        totals = add(self.seen.totals, Counter(decision.fate for decision in self.decisions))
        return Commit(
            next_offset=next_offset,
            totals=totals,
            events=self.events,
            letters=self.letters,
            nudges=self.nudges + self.facts.reports(self.limits.partition, self.tenants.both_ways),
            marks=self.marks,
            seen_value=encode_record(next_offset, totals, self.marks, self.facts.part(), self.held.changed.values()),
            decisions=self.decisions,
            missed=self.facts.missed,
        )

    def decode(self) -> Iterator[DecodedRecord]:
        """Yield the records in their order, decoded, and translated where they are likely to be news."""
        for first in range(0, len(self.batch), _TOGETHER):
            together = [decode(record, self.tenants) for record in self.batch[first : first + _TOGETHER]]
            ids = {decoded.key: decoded for decoded in reversed(together)}  # of one id the first: others may be copies
            translate_by_shape(d for d in ids.values() if d.became is None and _settled(d, self.mark(d.key)) is None)
            yield from together

    def decide_one(self, decoded: DecodedRecord) -> None:
        """Decide on one record: exactly one fate, by the steps of the module."""
        mark = self.mark(decoded.key)
        if decoded.waits and self.held.hold(decoded.source, decoded.record):  # whatever it is, its tenant is not there
            self.remember(decoded, decoded.key, mark)
            self.record_decision(decoded, "held")
            return
        # 1. by the version alone
        if not isinstance(decoded.became, Problem) and (fate := _settled(decoded, mark)) is not None:
            self.remember(decoded, decoded.key, mark)
            self.facts.again(decoded)
            self.record_decision(decoded, fate)
            return
        # 2. translated
        became = decoded.became or translate(decoded)
        if isinstance(became, Problem):
            self.write_letter(decoded, became)
        elif isinstance(became, Dropped):
            self.record_decision(decoded, became.fate)
        else:  # 3. by mark and meaning
            try:
                self.judge_draft(decoded, became, mark)
            except Exception as error:  # noqa: BLE001  (one bad record stays one, wherever it breaks)
                self.write_letter(decoded, from_exception(error, decoded.raw.value))

    def judge_draft(self, decoded: DecodedRecord, draft: Draft, mark: Mark | None) -> None:
        """Publish a draft, or do not, and mark its id."""
        verdict = self.verdict(decoded, draft, mark)
        self.facts.saw(decoded, draft, verdict.fate, known=mark is not None)
        if verdict.fate == "published":
            if decoded.raw.later if decoded.raw.replay else mark is not None:
                use_later(draft)
            out = self.event(decoded, draft, again=verdict.again)
            if not out.fits(self.limits.event_bytes):
                self.write_letter(decoded, _too_large(out.size, self.limits.event_bytes))
                return
            self.events.append(out)
        if verdict.version is None:
            self.remember(decoded, decoded.key, mark)
        else:
            # A mark keeps the shape that its version came with: copies without a version say nothing about it.
            keeps = verdict.fate == "duplicate" or decoded.version == UNKNOWN or decoded.raw.replay
            same = mark is not None and keeps
            shape = mark.shape if mark is not None and same else shape_digest(decoded.raw.shape)
            replayed = verdict.replayed or (mark.replayed if mark is not None else 0)
            self.marks[decoded.key] = Mark(verdict.version, shape, verdict.meanings, self.now // 1000, replayed)
        self.record_decision(decoded, verdict.fate, draft)

    def verdict(self, decoded: DecodedRecord, draft: Draft, mark: Mark | None) -> Verdict:
        """Judge a draft by what is remembered of its id."""
        if decoded.raw.replay:
            return judge_replay(mark, decoded.raw, decoded.version, decoded.meaning, first_of(draft))
        nudge = nudge_record(decoded, draft, self.limits.partition, self.facts)
        first = first_of(draft) if UNKNOWN in (decoded.version, mark.version if mark else None) else 0
        shape = shape_digest(decoded.raw.shape)
        verdict = judge(mark, decoded.version, shape, decoded.meaning, polled=nudge is not None, first=first)
        if decoded.raw.twin and mark is None:  # its fact was published as told, under another id
            return replace(verdict, fate="duplicate")
        left = verdict.fate == "nudged" or (verdict.fate == "published" and draft.row.reach == "nudge")
        if nudge is None or not left:
            return verdict
        self.nudges.append(nudge)
        return Verdict("nudged")

    def event(self, decoded: DecodedRecord, draft: Draft, *, again: bool) -> ProducerRecord:
        """Return a draft as the record of the event that it becomes."""
        raw = decoded.raw
        identity = Identity(raw.resource, raw.id, raw.version)
        named = event_id(identity, decoded.meaning, again=again)
        if raw.replay:
            named = replay_id(raw, decoded.meaning, again=again)
        position = RawPosition(self.limits.topic, self.limits.partition, decoded.record.offset)
        provenance = Provenance(raw.via, from_millis(raw.received), position, decoded.mapping, draft.row.label)
        event = event_of(draft, decoded.source, named, provenance, self.now_text)
        if decoded.redactor is not None:
            event = decoded.redactor.redact(event)
        out = encode_event(event)
        if raw.replay and whole_digest(event) != raw.becomes:
            raise Undecodable(OTHER_EVENT)
        return out

    def mark(self, key: bytes) -> Mark | None:
        """Return what is remembered of a digest, this batch's own marks first."""
        mark = self.marks.get(key) or self.found.get(key)
        return mark if mark is not None and mark.at >= self.oldest else None

    def remember(self, decoded: DecodedRecord, key: bytes, mark: Mark | None) -> None:
        """Mark a duplicate again where its mark would expire before its own raw record."""
        if mark is None:
            return
        if mark.at + self.limits.lifetime < decoded.record.timestamp // 1000 + self.limits.raw_lifetime:
            self.marks[key] = replace(mark, at=self.now // 1000)

    def write_letter(self, decoded: DecodedRecord, problem: Problem) -> None:
        """Write a dead letter, once for the same record under the same code and mapping, unless it was redriven.

        Of a tenant whose events are redacted it holds no bytes, and its sentence quotes none.
        """
        record, raw, redacted = decoded.record, decoded.raw, decoded.redactor is not None
        problem = unquoted(problem) if redacted else problem
        key = letter_digest(raw, f"{__version__} {decoded.mapping} {problem.code}")
        known = self.marks.get(key) or self.seen.marks.find([key]).get(key)
        if known is not None and known.at >= self.oldest and not raw.redriven:
            self.remember(decoded, key, known)
            self.record_decision(decoded, "duplicate", note="dead letter")
            return
        letter = DeadLetter(
            problem=problem,
            source=decoded.source,
            resource=raw.resource or None,
            id=raw.id or None,
            via=raw.via,
            received=from_millis(raw.received),
            recordedtime=self.now_text,
            raw=RawPosition(self.limits.topic, self.limits.partition, record.offset),
            mapping=decoded.mapping,
            redacted=redacted,
        )
        headers = [(name, data) for name, data in record.headers]
        self.letters.append(encode_letter(letter, record.key or key, raw.value, headers, self.limits.partition))
        self.marks[key] = Mark(IMMUTABLE, 0, (0,), self.now // 1000)
        self.record_decision(decoded, "dead", note=str(problem))

    def record_decision(self, decoded: DecodedRecord, fate: Fate, draft: Draft | None = None, note: str = "") -> None:
        """Add the fate of one record to the decisions."""
        raw, subject = decoded.raw, draft.subject if draft else ""
        self.decisions.append(
            Decision(
                offset=decoded.record.offset,
                fate=fate,
                source=decoded.source,
                via=raw.via,
                resource=raw.resource,
                id=raw.id,
                subject=decoded.redactor.subject(subject) if decoded.redactor else subject,
                type=draft.row.type if draft else "",
                code=(draft.data.native.code or "") if draft else "",
                provisional=draft.row.provisional if draft else False,
                received=raw.received,
                note=note or (str(decoded.version) if draft and decoded.version > UNKNOWN else ""),
            )
        )


def _settled(decoded: DecodedRecord, mark: Mark | None) -> Fate | None:
    """Return the fate that the version alone decides; what is replayed is always looked at."""
    return None if decoded.raw.replay else settle(mark, decoded.version)


def _too_large(size: int, limit: int) -> Problem:
    detail = f"the event would take {size} bytes, the topic takes {limit}: raise max.message.bytes, then redrive"
    return Problem("too_large", "The event is larger than its topic allows", detail, Source("$"))
