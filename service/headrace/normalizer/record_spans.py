"""The spans of the records of a commit: one for each whose trace is sampled, below that of its delivery."""

import time
from collections.abc import Sequence
from typing import Final

from headrace.normalizer.commit import CommitLimits, Decision
from headrace.observe.traceparent import derived_span, is_sampled, span_id
from headrace.observe.tracer import FinishedSpan, Tracer
from headrace.sdk.provider import RawEvent
from headrace_events import RawPosition

_FAILED: Final = "dead"


def span_of_record(raw: RawEvent, position: RawPosition) -> str:
    """Return the context of the span in which a raw record is normalized, that of its delivery where none is recorded.

    It is a digest, so that deciding stays pure: a commit that is tried again has the same events.
    """
    context = raw.traceparent
    return derived_span(context, f"{position.partition}@{position.offset}") if is_sampled(context) else context


def trace_commit(tracer: Tracer, decisions: Sequence[Decision], limits: CommitLimits, seconds: float) -> None:
    """Record the spans of a commit that stands now and took so many seconds from its batch on."""
    ended = time.time_ns()
    began = ended - int(seconds * 1e9)
    for decision in decisions:
        raw = decision.raw
        if raw.traceparent and is_sampled(raw.traceparent):
            context = span_of_record(raw, RawPosition(limits.topic, limits.partition, decision.offset))
            tracer.end(_span(decision, limits, context, began=began, ended=ended, records=len(decisions)))


def _span(
    decision: Decision, limits: CommitLimits, context: str, *, began: int, ended: int, records: int
) -> FinishedSpan:
    """Return the span of one decision; its times are those of the batch, which is one transaction."""
    raw = decision.raw
    return FinishedSpan(
        name="normalize",
        kind="consumer",
        context=context,
        parent=span_id(raw.traceparent),
        began=began,
        ended=ended,
        attributes={
            "messaging.system": "kafka",
            "messaging.destination.name": limits.topic,
            "messaging.destination.partition.id": str(limits.partition),
            "messaging.kafka.offset": decision.offset,
            "messaging.batch.message_count": records,
            "headrace.provider": raw.provider,
            "headrace.tenant": raw.tenant,
            "headrace.via": raw.via,
            "headrace.type": decision.type,
            "headrace.outcome": decision.fate,
        },
        failed=decision.fate == _FAILED,
    )
