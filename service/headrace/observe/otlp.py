"""The one module that imports OpenTelemetry: finished spans become its spans, and its exporter sends them."""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from headrace import __version__
from headrace.observe.traceparent import span_id, trace_id
from headrace.observe.tracer import FinishedSpan

_KINDS: Final = {kind.name.lower(): kind for kind in SpanKind}
_SCOPE: Final = InstrumentationScope("headrace", __version__)
_FAILED: Final = Status(StatusCode.ERROR)
_UNSET: Final = Status(StatusCode.UNSET)


class OtlpSpans:
    """Sends spans to a collector. What `endpoint` and `headers` leave open the variables OTEL_EXPORTER_OTLP_… say."""

    def __init__(self, endpoint: str | None, headers: Mapping[str, str]) -> None:
        target = None if endpoint is None else _with_path(endpoint)
        self._exporter: Final = OTLPSpanExporter(endpoint=target, headers=dict(headers) or None)
        ours = Resource(
            {
                "service.name": "headrace",
                "service.version": __version__,
                "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            }
        )
        self._resource: Final = ours.merge(OTELResourceDetector().detect())
        """What the process is; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override it."""

    def export(self, spans: Sequence[FinishedSpan]) -> bool:
        """Send spans; return whether the collector took them. Blocks for as long as the exporter's timeout (10 s)."""
        return self._exporter.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Send nothing more."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry left out its "-> None"

    def _readable(self, span: FinishedSpan) -> ReadableSpan:
        trace, flags = int(trace_id(span.context), 16), TraceFlags(int(span.context[-2:], 16))
        own = SpanContext(trace, int(span_id(span.context), 16), is_remote=False, trace_flags=flags)
        parent = SpanContext(trace, int(span.parent, 16), is_remote=True, trace_flags=flags) if span.parent else None
        return ReadableSpan(
            name=span.name,
            context=own,
            parent=parent,
            resource=self._resource,
            attributes=span.attributes,
            kind=_KINDS[span.kind],
            status=_FAILED if span.failed else _UNSET,
            start_time=span.began,
            end_time=span.ended,
            instrumentation_scope=_SCOPE,
        )


def _with_path(endpoint: str) -> str:
    """Return a URL with the path of OTLP where it has none of its own."""
    base = endpoint.rstrip("/")
    return endpoint if "/" in base.partition("://")[2] else f"{base}/v1/traces"
