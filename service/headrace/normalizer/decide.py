"""Decide on a batch of raw records: what to publish, what to remember. Pure: no I/O, no clock.

1. The version alone settles immutable copies and stale ones: nothing is decoded.
2. What is left is translated; any exception of one record makes that record a dead letter.
3. The mark and the meaning give the fate; what is published becomes an event with an id and its provenance. What a
   webhook told, and a feed of this tenant will bring, wakes that feed instead.
4. All of it, with the new marks, position and totals, is one `Commit` to write in one transaction.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from headrace import __version__
from headrace.config.tenants import Tenants
from headrace.core.problems import from_exception, unquoted
from headrace.core.record import ProducerRecord
from headrace.core.timestamps import from_millis
from headrace.normalizer.batch_facts import BatchFacts
from headrace.normalizer.commit import Commit, CommitLimits, Decision, RawRecord, add, fates_of
from headrace.normalizer.decode import DecodedRecord, decode, translate, translate_by_shape
from headrace.normalizer.dedupe import Seen, Verdict, judge, judge_replay, settle
from headrace.normalizer.event_maker import EventMaker
from headrace.normalizer.held import HeldInBatch
from headrace.normalizer.mapping_waits import WaitsForMapping, has_waited, lacks_mapping, no_mapping
from headrace.normalizer.nudge import nudge_record
from headrace.records.dead_letter import encode_letter
from headrace.records.event import first_of, use_later
from headrace.records.mark import IMMUTABLE, UNKNOWN, Mark
from headrace.records.raw import letter_digest, shape_digest
from headrace.records.seen import Fate, encode_record
from headrace.sdk.provider import Draft, Dropped
from headrace_events import DeadLetter, Problem, RawPosition, Source, Via

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
        self.second = now // 1000
        self.maker = EventMaker(limits, now)
        keys = [record.key for record in batch if record.key and len(record.key) == _KEY_BYTES]
        self.known = {key: mark for key, mark in seen.marks.find(keys).items() if self.is_young(mark)}
        """What is remembered of the ids of the batch, with what the batch adds."""
        self.marks: dict[bytes, Mark] = {}
        """What the batch adds."""
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
            if not decoded.raw.replay or not lacks_mapping(decoded):
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
        totals = add(self.seen.totals, fates_of(self.decisions))
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
            news = [d for d in ids.values() if d.became is None and _settled(d, self.known.get(d.key)) is None]
            translate_by_shape(news)
            yield from together

    def decide_one(self, decoded: DecodedRecord) -> None:
        """Decide on one record: exactly one fate, by the steps of the module."""
        mark, became = self.known.get(decoded.key), decoded.became
        if decoded.waits and self.held.hold(decoded.source, decoded.record):  # whatever it is, its tenant is not there
            self.remember(decoded, decoded.key, mark)
            self.record_decision(decoded, "held")
            return
        # 1. by the version alone
        if mark is not None and not isinstance(became, Problem) and (fate := _settled(decoded, mark)) is not None:
            self.remember(decoded, decoded.key, mark)
            self.facts.again(decoded)
            self.record_decision(decoded, fate)
            return
        # 2. translated
        if became is None:
            became = translate(decoded)
        if isinstance(became, Draft):  # 3. by mark and meaning
            try:
                self.judge_draft(decoded, became, mark)
            except Exception as error:  # noqa: BLE001  (one bad record stays one, wherever it breaks)
                self.write_letter(decoded, from_exception(error, decoded.raw.value))
        elif isinstance(became, Dropped):
            self.record_decision(decoded, became.fate)
        else:
            self.write_letter(decoded, became)

    def judge_draft(self, decoded: DecodedRecord, draft: Draft, mark: Mark | None) -> None:
        """Publish a draft, or do not, and mark its id."""
        raw, shape = decoded.raw, shape_digest(decoded.raw.shape)
        verdict = self.verdict(decoded, draft, mark, shape)
        self.facts.saw(decoded, draft, verdict.fate, known=mark is not None)
        if verdict.fate == "published":
            if raw.later if raw.replay else mark is not None:
                use_later(draft)
            out = self.maker.record_of(decoded, draft, again=verdict.again)
            if not out.fits(self.limits.event_bytes):
                self.write_letter(decoded, _too_large(out.size, self.limits.event_bytes))
                return
            self.events.append(out)
        if verdict.version is None:
            self.remember(decoded, decoded.key, mark)
        else:
            # A mark keeps the shape that its version came with: copies without a version say nothing about it.
            if mark is not None and (verdict.fate == "duplicate" or decoded.version == UNKNOWN or raw.replay):
                shape = mark.shape
            replayed = verdict.replayed or (mark.replayed if mark is not None else 0)
            self.keep(decoded.key, Mark(verdict.version, shape, verdict.meanings, self.second, replayed))
        subject = draft.subject if decoded.redactor is None else decoded.redactor.subject(draft.subject)
        code = draft.data.native.code or ""
        self.decisions.append(Decision(decoded.record.offset, verdict.fate, raw, draft.row, subject, code))

    def verdict(self, decoded: DecodedRecord, draft: Draft, mark: Mark | None, shape: int) -> Verdict:
        """Judge a draft by what is remembered of its id."""
        raw, version = decoded.raw, decoded.version
        if raw.replay:
            return judge_replay(mark, raw, version, decoded.meaning, first_of(draft))
        nudge = None if raw.via is Via.POLL else nudge_record(decoded, draft, self.limits.partition, self.facts)
        unnumbered = version == UNKNOWN or (mark is not None and mark.version == UNKNOWN)
        first = first_of(draft) if unnumbered else 0
        verdict = judge(mark, version, shape, decoded.meaning, polled=nudge is not None, first=first)
        if mark is None and raw.twin:  # its fact was published as told, under another id
            return replace(verdict, fate="duplicate")
        if nudge is None:
            return verdict
        if verdict.fate == "nudged" or (verdict.fate == "published" and draft.row.reach == "nudge"):
            self.nudges.append(nudge)
            return Verdict("nudged")
        return verdict

    def is_young(self, mark: Mark) -> bool:
        """Return whether a mark is not so old that the log may have lost it."""
        return mark.at >= self.second - self.limits.lifetime

    def keep(self, key: bytes, mark: Mark) -> None:
        """Add a mark to what the commit writes, and to what is known."""
        self.marks[key] = self.known[key] = mark

    def remember(self, decoded: DecodedRecord, key: bytes, mark: Mark | None) -> None:
        """Mark a duplicate again where its mark would expire before its own raw record."""
        if mark is None:
            return
        if mark.at + self.limits.lifetime < decoded.record.timestamp // 1000 + self.limits.raw_lifetime:
            self.keep(key, replace(mark, at=self.second))

    def write_letter(self, decoded: DecodedRecord, problem: Problem) -> None:
        """Write a dead letter, once for the same record under the same code and mapping, unless it was redriven.

        Of a tenant whose events are redacted it holds no bytes, and its sentence quotes none.
        """
        record, raw, redacted = decoded.record, decoded.raw, decoded.redactor is not None
        problem = unquoted(problem) if redacted else problem
        key = letter_digest(raw, f"{__version__} {decoded.mapping} {problem.code}")
        known = self.known.get(key) or self.seen.marks.find([key]).get(key)
        if known is not None and self.is_young(known) and not raw.redriven:
            self.remember(decoded, key, known)
            self.record_decision(decoded, "duplicate", "dead letter")
            return
        letter = DeadLetter(
            problem=problem,
            source=decoded.source,
            resource=raw.resource or None,
            id=raw.id or None,
            via=raw.via,
            received=from_millis(raw.received),
            recordedtime=self.maker.recorded,
            raw=RawPosition(self.limits.topic, self.limits.partition, record.offset),
            mapping=decoded.mapping,
            redacted=redacted,
        )
        headers = [(name, data) for name, data in record.headers]
        self.letters.append(encode_letter(letter, record.key or key, raw.value, headers, self.limits.partition))
        self.keep(key, Mark(IMMUTABLE, 0, (0,), self.second))
        self.record_decision(decoded, "dead", str(problem))

    def record_decision(self, decoded: DecodedRecord, fate: Fate, detail: str = "") -> None:
        """Add the fate of one record of which there is no draft to the decisions."""
        subject = decoded.redactor.subject("") if decoded.redactor is not None else ""
        self.decisions.append(Decision(decoded.record.offset, fate, decoded.raw, subject=subject, detail=detail))


def _settled(decoded: DecodedRecord, mark: Mark | None) -> Fate | None:
    """Return the fate that the version alone decides; what is replayed is always looked at."""
    return None if decoded.raw.replay else settle(mark, decoded.version)


def _too_large(size: int, limit: int) -> Problem:
    detail = f"the event would take {size} bytes, the topic takes {limit}: raise max.message.bytes, then redrive"
    return Problem("too_large", "The event is larger than its topic allows", detail, Source("$"))
