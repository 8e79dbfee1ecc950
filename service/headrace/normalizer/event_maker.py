"""What a draft is published as: the record of its event, with an id, its provenance, and redacted where it is to be.

Pure.
"""

from typing import Final

from headrace.core.problems import Undecodable
from headrace.core.record import ProducerRecord
from headrace.core.timestamps import from_millis
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.decode import DecodedRecord
from headrace.normalizer.record_spans import span_of_record
from headrace.records.event import encode_event, event_id, event_of, whole_digest
from headrace.records.replayed import OTHER_EVENT, replay_id
from headrace.sdk.provider import Draft
from headrace_events import Provenance, RawPosition


class EventMaker:
    """Makes the records of the events that are published at one time (ms since the epoch)."""

    def __init__(self, limits: CommitLimits, now: int) -> None:
        self.recorded: Final = from_millis(now)
        self._topic: Final = limits.topic
        self._partition: Final = limits.partition
        self._traced: Final = limits.traced
        self._received = (now, self.recorded)

    def record_of(self, decoded: DecodedRecord, draft: Draft, *, again: bool) -> ProducerRecord:
        """Return a draft as the record of the event that it becomes; `again` is that of its verdict.

        The draft is used up. Raises `Undecodable` where a replay becomes another event than it was ordered for.
        """
        raw, account = decoded.raw, decoded.account
        if raw.received != self._received[0]:  # what came together was received at one time
            self._received = (raw.received, from_millis(raw.received))
        named = (replay_id if raw.replay else event_id)(raw, decoded.meaning, again=again)
        position = RawPosition(self._topic, self._partition, decoded.record.offset)
        mapping = account.mapping_id if account is not None else ""
        provenance = Provenance(raw.via, self._received[1], position, mapping, draft.row.label)
        context = raw.traceparent and (span_of_record(raw, position) if self._traced else raw.traceparent)
        event = event_of(draft, decoded.source, named, provenance, self.recorded, traceparent=context or None)
        if account is not None and account.redactor is not None:
            event = account.redactor.redact(event)
        out = encode_event(event)
        if raw.replay and whole_digest(event) != raw.becomes:
            raise Undecodable(OTHER_EVENT)
        return out
