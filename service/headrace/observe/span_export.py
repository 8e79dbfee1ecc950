"""Hands finished spans to a collector, from a thread of its own: whatever the collector does, nobody here waits for it.

What waits is bounded; what is beyond that, or what the collector does not take, is dropped and counted.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from headrace.observe.registry import Registry
from headrace.observe.tracer import FinishedSpan

MOST_WAITING: Final = 8_192
BATCH: Final = 512
EVERY_SECONDS: Final = 1.0
"""What fewer spans than a batch wait for others."""
STOP_SECONDS: Final = 2.0
"""What the collector gets at the end of the process."""
REASONS: Final = ("full", "failed", "stopped")

_log = structlog.get_logger()


class CannotTrace(Exception):  # noqa: N818  (a sentence for the operator)
    """Spans cannot be exported as they are configured; the text says what to do."""


class SpanExport:
    """Takes spans and passes them to `export` in batches; that returns whether they were taken, and may block."""

    def __init__(self, export: Callable[[Sequence[FinishedSpan]], bool], most: int = MOST_WAITING) -> None:
        self.exported = 0
        self.dropped: Final[Counter[str]] = Counter(dict.fromkeys(REASONS, 0))
        self._export: Final = export
        self._most: Final = most
        self._waiting: Final[deque[FinishedSpan]] = deque()
        self._wake: Final = threading.Event()
        self._stopping = False
        # A daemon: one that hangs in the collector does not keep the process.
        self._thread: Final = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    def add(self, span: FinishedSpan) -> None:
        """Take a span, or drop it where too many wait. Never blocks."""
        waiting = len(self._waiting)
        if waiting >= self._most:
            self.dropped["full"] += 1
            return
        self._waiting.append(span)
        if waiting == BATCH:
            self._wake.set()

    def close(self, deadline: float = STOP_SECONDS) -> None:
        """Export what waits within so many seconds; what is left is dropped."""
        self._stopping = True
        self._wake.set()
        self._thread.join(deadline)
        self.dropped["stopped"] += len(self._waiting)
        self._waiting.clear()

    def _work(self) -> None:
        stopping = False
        while not stopping:
            self._wake.wait(EVERY_SECONDS)
            self._wake.clear()
            stopping = self._stopping  # before what waits is looked at for the last time
            while spans := self._next():
                self._send(spans)

    def _next(self) -> list[FinishedSpan]:
        """Take the next batch, none where nothing waits, or is dropped just now."""
        spans: list[FinishedSpan] = []
        with suppress(IndexError):
            while len(spans) < BATCH:
                spans.append(self._waiting.popleft())
        return spans

    def _send(self, spans: Sequence[FinishedSpan]) -> None:
        try:
            taken = self._export(spans)
        except Exception as error:  # noqa: BLE001  (spans are never worth more than the work that they are about)
            _log.warning("spans_not_exported", reason=type(error).__name__)
            taken = False
        if taken:
            self.exported += len(spans)
        else:
            self.dropped["failed"] += len(spans)


@asynccontextmanager
async def exporting_spans(endpoint: str | None, headers: Mapping[str, str]) -> AsyncIterator[SpanExport]:
    """Export spans by OTLP over HTTP until the block ends. Raises `CannotTrace` where the extra is not installed."""
    try:
        from headrace.observe.otlp import OtlpSpans  # noqa: PLC0415  (an extra, of which nothing is imported otherwise)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        sentence = "[traces] is enabled, and OpenTelemetry is not installed: pip install 'headrace[traces]'"
        raise CannotTrace(sentence) from None
    otlp = OtlpSpans(endpoint, headers)
    export = SpanExport(otlp.export)
    try:
        yield export
    finally:
        await asyncio.to_thread(export.close)
        otlp.close()


def show_spans(export: SpanExport | None, registry: Registry) -> None:
    """Show what was exported and dropped at each reading: nothing where tracing is off."""
    exported = registry.series("headrace_spans_exported_total")
    dropped = registry.series("headrace_spans_dropped_total")

    def show() -> None:
        exported.values[()] = export.exported if export is not None else 0
        for reason in REASONS:
            dropped.values[reason,] = export.dropped[reason] if export is not None else 0

    registry.before_scrape(show)
