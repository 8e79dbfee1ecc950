"""Decide on a batch of raw records: what to publish, what to remember. Pure: no I/O, no clock.

1. The version alone settles immutable copies and stale ones: nothing is decoded.
2. What is left is translated; any exception of one record makes that record a dead letter.
3. The mark and the meaning give the fate; what is published gets its id and its envelope.
4. All of it, with the new marks, position and totals, is one `Commit` to write in one transaction.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from headrace import __version__
from headrace.commit import Commit, Decision, Limits, Record, add
from headrace.door import Envelope, digest_of_bytes, name, read_envelope, shape_digest
from headrace.marks import IMMUTABLE, UNKNOWN, Mark
from headrace.moments import from_millis
from headrace.problems import from_exception
from headrace.providers.base import Draft, Dropped, Identity, RawEvent, Version
from headrace.publish import Out, encode_event, encode_letter, encode_nudge, event_id, event_of, meaning_of
from headrace.seen import Fate, NewerFormat, Seen, Verdict, encode_record, judge, judge_replay, settle
from headrace.tenants import Account, Tenants
from headrace_events import DeadLetter, Problem, Provenance, RawPosition, Source, Via

_KEY_BYTES: Final = 16


class WaitsForMapping(Exception):  # noqa: N818  (a state, told in a sentence)
    """The first record of the batch is a replay under a mapping that this task does not have."""


def decide(batch: Sequence[Record], seen: Seen, tenants: Tenants, limits: Limits, now: int) -> Commit:
    """Decide on records that follow `seen.next_offset` without a gap; `now` is in milliseconds since the epoch.

    Raises `NewerFormat` where a newer Headrace wrote a record, `WaitsForMapping` where the first record is a replay
    under another mapping (a later one ends the commit before it).
    """
    return _Batch(batch, seen, tenants, limits, now).commit()


def refuse(record: Record, seen: Seen, limits: Limits, now: int) -> Commit:
    """Make a dead letter of the one record whose outcome Kafka refuses, whatever it says."""
    batch = _Batch([record], seen, Tenants([]), limits, now)
    detail = "Kafka refused what this record became, twice and alone: see the log, mend the topic, then redrive"
    problem = Problem("unwritable", "Kafka refused it", detail, Source("$"))
    try:
        batch.dead(record, _envelope_of(record), problem, "")
    except (LookupError, ValueError, RecursionError):
        batch.dead(record, _strangers(record), problem, "")
    return batch.done()


class _Batch:
    """The state of one decision: what is read, what comes out."""

    def __init__(self, batch: Sequence[Record], seen: Seen, tenants: Tenants, limits: Limits, now: int) -> None:
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
        for record in self.batch:
            try:
                self.record(record)
            except WaitsForMapping:
                if not self.decisions:
                    raise
                break
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

    def record(self, record: Record) -> None:
        """Give one record exactly one fate."""
        try:
            envelope = _envelope_of(record)
        except (LookupError, ValueError, RecursionError) as error:
            self.foreign(record, error)
            return
        raw = envelope.raw_event(record.value or b"")
        account = self.tenants.get(raw.provider, raw.tenant)
        if account is None:
            problem = Problem("unknown_tenant", "The tenant is not configured", f"configure {raw.source}, then redrive")
            self.dead(record, envelope, problem, "")
        elif envelope.replay and envelope.replay != account.mapping.id:
            raise WaitsForMapping(
                f"{raw.source} has mapping {account.mapping.id}, offset {record.offset} waits for {envelope.replay}"
            )
        elif (identity := envelope.identity) is None:
            self.dead(record, envelope, self.nameless(raw, account), account.mapping.id)
        else:
            self.named(record, envelope, raw, account, identity)

    def named(self, record: Record, envelope: Envelope, raw: RawEvent, account: Account, identity: Identity) -> None:
        key = record.key or b""
        mark = self.mark(key)
        version = _number(identity.version)
        fate = None if envelope.replay else settle(mark, version)
        if fate is not None:
            self.remember(record, key, mark)
            self.decided(record, envelope, fate)
            return
        try:
            draft = account.provider.translate(raw, account.mapping)
            if isinstance(draft, Dropped):
                self.decided(record, envelope, draft.fate)
                return
            self.judged(record, envelope, raw, account, identity, draft, mark)
        except NewerFormat:
            raise
        except Exception as error:  # noqa: BLE001  (one bad record stays one: it becomes a dead letter, whatever it was)
            self.dead(record, envelope, from_exception(error, raw.value), account.mapping.id)

    def judged(
        self,
        record: Record,
        envelope: Envelope,
        raw: RawEvent,
        account: Account,
        identity: Identity,
        draft: Draft,
        mark: Mark | None,
    ) -> None:
        meaning = meaning_of(draft)
        version, shape = _number(identity.version), shape_digest(raw.shape)
        key = record.key or b""
        if envelope.replay:
            verdict = judge_replay(mark, version, meaning)
        else:
            polled = account.settings.polling and draft.nudge is not None
            if polled and draft.row.reach == "nudge":
                verdict = Verdict("nudged")
            else:
                verdict = judge(mark, version, shape, meaning, polled=polled)
        if verdict.fate == "published":
            named = event_id(identity, meaning, again=verdict.again, replay=envelope.replay)
            position = RawPosition(self.limits.topic, self.limits.partition, record.offset)
            provenance = Provenance(raw.via, from_millis(raw.received), position, account.mapping.id, draft.row.label)
            out = encode_event(event_of(draft, raw, named, provenance, self.now_text))
            if not out.fits(self.limits.event_bytes):
                self.dead(record, envelope, _too_large(out.size, self.limits.event_bytes), account.mapping.id)
                return
            self.events.append(out)
        elif verdict.fate == "nudged" and draft.nudge is not None:
            self.nudges.append(encode_nudge(raw.source, draft.nudge))
        if verdict.version is not None:
            # The shape that a mark keeps is the one that told its version: copies without one say nothing about it.
            kept = mark.shape if mark is not None and (verdict.fate == "duplicate" or version == UNKNOWN) else shape
            self.marks[key] = Mark(verdict.version, kept, verdict.meanings, self.now // 1000)
        else:
            self.remember(record, key, mark)
        self.decided(record, envelope, verdict.fate, draft, version)

    def mark(self, key: bytes) -> Mark | None:
        """Give what is remembered of a digest, this batch's own marks first."""
        mark = self.marks.get(key) or self.found.get(key)
        return mark if mark is not None and mark.at >= self.oldest else None

    def remember(self, record: Record, key: bytes, mark: Mark | None) -> None:
        """Mark a duplicate again where its mark would expire before its own raw record."""
        if mark is None:
            return
        if mark.at + self.limits.lifetime < record.timestamp // 1000 + self.limits.raw_lifetime:
            self.marks[key] = Mark(mark.version, mark.shape, mark.meanings, self.now // 1000)

    def nameless(self, raw: RawEvent, account: Account) -> Problem:
        """Say why a record has no name: translating it finds the place."""
        try:
            name(account.provider, raw)
            account.provider.translate(raw, account.mapping)
        except Exception as error:  # noqa: BLE001  (the reason is wanted, whatever it is)
            return from_exception(error, raw.value)
        return Problem("unnamed", "It carried no name when it came in", "it can be read now: redrive it", Source("$"))

    def foreign(self, record: Record, error: Exception) -> None:
        """Keep a record that did not come through our door."""
        problem = Problem("foreign", "Not a record of ours", str(error), Source("$"))
        self.dead(record, _strangers(record), problem, "")

    def dead(self, record: Record, envelope: Envelope, problem: Problem, mapping: str) -> None:
        """Write a dead letter, once for the same bytes under the same code and mapping, unless it was redriven."""
        value = record.value or b""
        source = f"/{envelope.provider}/{envelope.tenant}"
        key = digest_of_bytes(value, f"{__version__} {mapping} {problem.code} {source}")
        known = self.marks.get(key) or self.seen.marks.find([key]).get(key)
        if known is not None and known.at >= self.oldest and not envelope.redriven:
            self.remember(record, key, known)
            self.decided(record, envelope, "duplicate", note="dead letter")
            return
        letter = DeadLetter(
            problem=problem,
            source=source,
            resource=envelope.resource or None,
            id=envelope.id or None,
            via=envelope.via,
            received=from_millis(envelope.received),
            recordedtime=self.now_text,
            raw=RawPosition(self.limits.topic, self.limits.partition, record.offset),
            mapping=mapping,
        )
        headers = [(name, data) for name, data in record.headers]
        self.letters.append(encode_letter(letter, record.key or key, value, headers, self.limits.partition))
        self.marks[key] = Mark(IMMUTABLE, 0, (0,), self.now // 1000)
        self.decided(record, envelope, "dead", note=str(problem))

    def decided(
        self,
        record: Record,
        envelope: Envelope,
        fate: Fate,
        draft: Draft | None = None,
        version: int = UNKNOWN,
        note: str = "",
    ) -> None:
        self.decisions.append(
            Decision(
                record.offset,
                fate,
                f"/{envelope.provider}/{envelope.tenant}",
                envelope.via,
                envelope.resource,
                envelope.id,
                draft.subject if draft else "",
                draft.row.type if draft else "",
                (draft.data.native.code or "") if draft else "",
                draft.row.provisional if draft else False,
                envelope.received,
                note or (str(version) if draft and version > UNKNOWN else ""),
            )
        )


def _envelope_of(record: Record) -> Envelope:
    """Read the envelope. Raises `NewerFormat`, or what `read_envelope` raises, where the record is none of ours."""
    envelope = read_envelope(record.headers)
    if len(record.key or b"") != _KEY_BYTES:
        raise LookupError(f"the record's key is no digest of {_KEY_BYTES} bytes: nothing but Headrace may write to raw")
    return envelope


def _strangers(record: Record) -> Envelope:
    """Give a record that is none of ours the envelope it lacks."""
    return Envelope(provider="", tenant="", shape="", via=Via.INGEST, received=record.timestamp)


def _number(version: Version) -> int:
    """Give a version as a mark keeps it."""
    match version:
        case None:
            return IMMUTABLE
        case "unknown":
            return UNKNOWN
        case _:
            return version


def _too_large(size: int, limit: int) -> Problem:
    detail = f"the event would take {size} bytes, the topic takes {limit}: raise max.message.bytes, then redrive"
    return Problem("too_large", "The event is larger than its topic allows", detail, Source("$"))
