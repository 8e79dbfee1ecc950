"""Spans of what a process does: plain values, which whoever exports them turns into those of OpenTelemetry.

Nothing here imports OpenTelemetry, and where tracing is off there is no `Tracer`: roles ask `tracer is None` once for
each delivery, batch or turn. No secret and nothing of a payload belongs into a span: its attributes are names of the
configuration, words and numbers.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal

from msgspec import Struct

from headrace.observe.traceparent import is_sampled, new_span, new_trace, trace_id

_BITS: Final = 2**64


class FinishedSpan(Struct, frozen=True, gc=False, kw_only=True):
    """A span that has ended: `context` is its own (W3C Trace Context), `parent` the 16 hex digits of the span above it.

    `began` and `ended` are in nanoseconds since the epoch.
    """

    name: str
    kind: Literal["internal", "server", "client", "producer", "consumer"]
    context: str
    parent: str = ""
    began: int
    ended: int
    attributes: Mapping[str, str | int]
    failed: bool = False


class Tracer:
    """Decides which spans are recorded, and hands on those that have ended to `end`, which never waits."""

    def __init__(self, ratio: float, end: Callable[[FinishedSpan], None]) -> None:
        self._most: Final = round(ratio * _BITS)
        self.end: Final = end

    def begin(self, outside: str = "") -> str:
        """Return the context of a new span below `outside`, an empty string where it is not to be recorded.

        A trace that begins here is sampled by the ratio, and any other one as whoever began it has decided.
        """
        if outside:
            return new_span(outside) if is_sampled(outside) else ""
        context = new_trace()
        return context if int(trace_id(context)[16:], 16) < self._most else ""
