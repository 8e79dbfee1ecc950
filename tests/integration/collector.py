"""A collector of traces on loopback: takes OTLP over HTTP, and shows what came."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class TakenSpan:
    """A span as it came: ids in hex, `parent` empty where it begins a trace."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    status: int
    began: int
    ended: int
    attributes: dict[str, str | int]
    resource: dict[str, str | int]


@dataclass
class Collector:
    """Takes spans at `url`; where `hang` is there, a request is answered once that is set."""

    url: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    spans: list[TakenSpan] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    hang: asyncio.Event | None = None

    def named(self, name: str) -> list[TakenSpan]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]

    async def answer(self, request: web.Request) -> web.Response:
        """Take a request."""
        body = await request.read()
        self.path, self.headers = request.path, {name.lower(): value for name, value in request.headers.items()}
        self.bodies.append(body)
        if self.hang is not None:
            await self.hang.wait()
        found = ExportTraceServiceRequest.FromString(body)
        for group in found.resource_spans:
            resource = _plain(group.resource.attributes)
            self.spans += [_taken(span, resource) for scope in group.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")


def _taken(span: Span, resource: dict[str, str | int]) -> TakenSpan:
    return TakenSpan(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        status=span.status.code,
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        attributes=_plain(span.attributes),
        resource=resource,
    )


def _plain(pairs: Iterable[KeyValue]) -> dict[str, str | int]:
    values = {pair.key: pair.value for pair in pairs}
    return {key: value.string_value or value.int_value for key, value in values.items()}


@contextlib.asynccontextmanager
async def collecting(*, hang: bool = False) -> AsyncIterator[Collector]:
    """Open a collector."""
    collector = Collector(hang=asyncio.Event() if hang else None)
    app = web.Application()
    app.router.add_post("/{path:.*}", collector.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        collector.url = f"http://{host}:{port}"
        yield collector
    finally:
        if collector.hang is not None:
            collector.hang.set()
        await runner.cleanup()
