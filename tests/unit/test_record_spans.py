"""What a trace changes about raw records, which is nothing but where an event says that it came from."""

import pytest
from msgspec.structs import replace

from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.record_spans import trace_commit
from headrace.observe.traceparent import span_id, trace_id
from headrace.observe.tracer import FinishedSpan, Tracer
from headrace.records.raw import to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via
from tests.fake_provider import FAKE, OTHER_TABLE, tenants, thing
from tests.unit.partition import LIMITS, partition
from tests.unit.test_replay import change, replay

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
TRACED = replace(LIMITS, traced=True)


def of(context: str, raw: RawEvent | None = None) -> RawEvent:
    """Return a webhook's record that is part of a trace."""
    return replace(raw or thing("a", 3, "x", via=Via.WEBHOOK), traceparent=context)


@pytest.mark.parametrize("shape", ["row", "fact", "hook"])
@pytest.mark.parametrize("limits", [LIMITS, TRACED])
def test_two_deliveries_in_two_traces_are_one_event(shape: str, limits: CommitLimits) -> None:
    """A trace is no part of a meaning, a version or an id: the second delivery is a duplicate, together or later."""
    raw = thing("a", 2, "x", shape=shape, via=Via.WEBHOOK)
    here = partition(limits=limits)
    here.hear(FAKE, of(SAMPLED, raw), of(OTHER, raw))
    here.hear(FAKE, of(UNSAMPLED, raw), raw)
    assert here.fates == ["published", "duplicate", "duplicate", "duplicate"]
    plain = partition()
    plain.hear(FAKE, raw)
    assert here.events[0].id == plain.events[0].id
    key = to_raw_record(FAKE, raw).key
    assert {*here.seen.marks.find([key]).values()} == {*plain.seen.marks.find([key]).values()}


def test_an_event_is_in_the_trace_of_its_delivery() -> None:
    """Where nothing is recorded here it names the span that the record came with, else the one in which it was made."""
    for context in (SAMPLED, UNSAMPLED):
        here = partition()
        commit = here.hear(FAKE, of(context))
        assert here.events[0].traceparent == context
        assert dict(commit.events[0].headers)["ce_traceparent"] == context.encode()
    here = partition(limits=TRACED)
    here.hear(FAKE, of(UNSAMPLED), of(SAMPLED, thing("b")), of(SAMPLED, thing("c")), thing("d"))
    unsampled, first, second, untraced = (event.traceparent for event in here.events)
    assert (unsampled, untraced) == (UNSAMPLED, None)
    assert first is not None
    assert second is not None
    assert {trace_id(first), trace_id(second)} == {trace_id(SAMPLED)}
    assert len({SAMPLED, first, second}) == 3


def test_a_commit_that_is_tried_again_has_the_same_events() -> None:
    """The span of a record is named by its place, not drawn."""
    one, other = (partition(limits=TRACED).hear(FAKE, of(SAMPLED)) for _ in range(2))
    assert one.events[0].value == other.events[0].value


def test_the_spans_of_a_commit() -> None:
    """Each record whose trace is sampled has one, whatever its fate; the event names it."""
    spans: list[FinishedSpan] = []
    here = partition(limits=TRACED)
    raws = [of(SAMPLED), of(OTHER), of(UNSAMPLED, thing("b")), thing("c"), of(SAMPLED, thing("d", do="bad"))]
    commit = here.hear(FAKE, *raws)
    trace_commit(Tracer(0, spans.append), commit.decisions, TRACED, 0.25)
    assert [span.attributes["headrace.outcome"] for span in spans] == ["published", "duplicate", "dead"]
    assert [span.parent for span in spans] == [span_id(context) for context in (SAMPLED, OTHER, SAMPLED)]
    assert [span.failed for span in spans] == [False, False, True]
    assert spans[0].context == here.events[0].traceparent
    assert {span.ended - span.began for span in spans} == {250_000_000}
    assert spans[0].attributes["messaging.kafka.offset"] == 0


@pytest.mark.parametrize("context", ["t", "\udcff", "00-", "x" * 10_000])
def test_what_is_no_context_on_raw_costs_nothing(context: str) -> None:
    """Whoever wrote it, the record is published, and its span is nobody's."""
    here = partition(limits=TRACED)
    raw = of(SAMPLED)
    commit = here.hear(FAKE, raw)
    decision = replace(commit.decisions[0], raw=replace(raw, traceparent=context))
    trace_commit(Tracer(1, lambda _: None), [decision], TRACED, 0.1)
    assert here.fates == ["published"]


def test_a_trace_is_no_change() -> None:
    """What was published in a trace says the same under the same tables, and is replayed under others."""
    here, raw = partition(), of(SAMPLED, thing("a", 2, "x"))
    here.hear(FAKE, raw)
    assert change(here, raw, here.events[0]) is None
    assert change(here, replace(raw, traceparent=""), here.events[0]) is None
    here.tenants = tenants(OTHER_TABLE)
    here.limits = TRACED
    here.take(replay(here, raw))
    assert here.fates == ["published", "published"]
