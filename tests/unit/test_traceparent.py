"""The context of a trace: its form, and who is sampled."""

import pytest

from headrace.observe.traceparent import derived_span, is_sampled, new_span, span_id, trace_id, valid_traceparent
from headrace.observe.tracer import Tracer

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (SAMPLED, SAMPLED),
        (UNSAMPLED, UNSAMPLED),
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-ff"),
        (f"01-{TRACE}-{SPAN}-01", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-01-{'x' * 100_000}", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-01x", ""),
        (f"00-{TRACE}-{SPAN}-01-what", ""),
        (f"00-{TRACE}-{SPAN}-01\n", ""),
        (f" {SAMPLED}", ""),
        (f"{SAMPLED},{SAMPLED}", ""),
        (f"ff-{TRACE}-{SPAN}-01", ""),
        (f"00-{'0' * 32}-{SPAN}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-{SPAN}-01", ""),
        (f"00-{TRACE}-{SPAN}-0g", ""),
        (f"00-{TRACE}-{SPAN}", ""),
        (f"00_{TRACE}_{SPAN}_01", ""),
        ("\u0660" * 55, ""),
        ("\udcff" * 55, ""),
        ("0" * 100_000, ""),
        ("", ""),
    ],
)
def test_what_is_no_context_is_ignored(text: str, valid: str) -> None:
    """Only the form of W3C passes; what a later version may add is left out."""
    assert valid_traceparent(text) == valid


def test_a_span_stays_in_its_trace() -> None:
    """A new span keeps trace and flags; one that is derived is the same each time, and another one for another salt."""
    drawn, derived = new_span(SAMPLED), derived_span(SAMPLED, "0@1")
    for context in (drawn, derived):
        assert valid_traceparent(context) == context
        assert trace_id(context) == TRACE
        assert span_id(context) != SPAN
        assert is_sampled(context)
    assert derived == derived_span(SAMPLED, "0@1") != derived_span(SAMPLED, "0@2")
    assert not is_sampled(new_span(UNSAMPLED))


def test_the_ratio_is_of_traces_that_begin_here() -> None:
    """A trace from outside is sampled as its sender says; of others all, none, or a share."""
    everything, nothing, half = (Tracer(ratio, lambda _: None) for ratio in (1.0, 0.0, 0.5))
    assert all(everything.begin() for _ in range(100))
    assert not any(nothing.begin() for _ in range(100))
    assert 300 < sum(bool(half.begin()) for _ in range(1000)) < 700
    assert trace_id(nothing.begin(SAMPLED)) == TRACE
    assert everything.begin(UNSAMPLED) == ""
