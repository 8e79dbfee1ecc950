"""Spans are handed on from a thread of their own: a collector that hangs, refuses or breaks costs spans, never work."""

import sys
import threading
from collections.abc import Iterator, Sequence

import pytest

from headrace.observe import otlp, span_export
from headrace.observe.registry import Registry
from headrace.observe.span_export import CannotTrace, SpanExport, exporting_spans, show_spans
from headrace.observe.tracer import FinishedSpan
from tests.integration.pipeline import until

SPAN = FinishedSpan(name="x", kind="internal", context="", began=1, ended=2, attributes={})


class Collector:
    """Takes batches once `go` is set; `taken` is what came."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.taken: list[int] = []

    def export(self, spans: Sequence[FinishedSpan]) -> bool:
        """Hang until it may go on."""
        self.began.set()
        self.go.wait()
        self.taken.append(len(spans))
        return True


@pytest.fixture
def hanging() -> Iterator[Collector]:
    """Return a collector that hangs until the test ends."""
    collector = Collector()
    yield collector
    collector.go.set()


def test_a_collector_that_hangs_costs_spans_alone(hanging: Collector) -> None:
    """What is beyond the bound is dropped at once, and the end of the process waits for nobody."""
    export = SpanExport(hanging.export, most=10)
    export.add(SPAN)
    assert hanging.began.wait(30)
    for _ in range(25):
        export.add(SPAN)
    export.close(0.0)
    assert export.exported == 0
    assert export.dropped == {"full": 15, "failed": 0, "stopped": 10}


async def test_spans_come_in_batches() -> None:
    """All of them come, in batches of a bounded size, and the last at the end."""
    collector = Collector()
    collector.go.set()
    export = SpanExport(collector.export)
    for _ in range(span_export.BATCH * 2 + 7):
        export.add(SPAN)
    await until(lambda: export.exported > span_export.BATCH, "a whole batch does not wait for the end")
    export.add(SPAN)
    export.close(30.0)
    assert export.exported == sum(collector.taken) == span_export.BATCH * 2 + 8
    assert max(collector.taken) <= span_export.BATCH
    assert not export.dropped.total()


def test_what_is_refused_or_breaks_is_counted() -> None:
    """A collector that refuses, and an exporter that raises, end nothing; the metrics show it."""
    answers: Iterator[bool] = iter([False, True])
    export = SpanExport(lambda _: next(answers))  # for the third, StopIteration
    for _ in range(3):
        export._send([SPAN, SPAN])
    export.close(30.0)
    registry = Registry("1")
    show_spans(export, registry)
    text = registry.render().decode()
    assert "headrace_spans_exported_total 2\n" in text
    assert 'headrace_spans_dropped_total{reason="failed"} 4\n' in text
    assert 'headrace_spans_dropped_total{reason="full"} 0\n' in text


async def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is missing, one sentence says what to install."""
    monkeypatch.delitem(sys.modules, "headrace.observe.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(CannotTrace, match=r"pip install 'headrace\[traces\]'"):
        async with exporting_spans(None, {}):
            pass


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("http://here:4318", "http://here:4318/v1/traces"),
        ("https://here/", "https://here/v1/traces"),
        ("https://here/otlp/v1/traces", "https://here/otlp/v1/traces"),
    ],
)
def test_an_endpoint_without_a_path_gets_that_of_otlp(endpoint: str, target: str) -> None:
    """One with a path is used as it is."""
    assert otlp._with_path(endpoint) == target
