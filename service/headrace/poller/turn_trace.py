"""The spans of a turn: one for the whole of it, and below it one for each call to the platform."""

import time
from collections.abc import Awaitable
from typing import Final

from headrace.observe.traceparent import new_span, span_id
from headrace.observe.tracer import FinishedSpan, Tracer
from headrace.poller.fault_policy import code_of
from headrace.poller.paced_limiter import TurnStopped

_OK: Final = "ok"
_STOPPED: Final = "stopped"


class TurnTrace:
    """What one turn tells of itself: no lead, no URL and no answer, which may hold ids and secrets."""

    def __init__(self, tracer: Tracer, context: str, *, provider: str, tenant: str, feed: str) -> None:
        self._tracer: Final = tracer
        self._context: Final = context
        self._began: Final = time.time_ns()
        self._calls = 0
        self._labels: Final = {"headrace.provider": provider, "headrace.tenant": tenant, "headrace.feed": feed}

    async def call(self, answer: Awaitable[bytes]) -> bytes:
        """Return the answer to a call, and record it with its retries and its wait for the budget."""
        self._calls += 1
        page, began, outcome = self._calls, time.time_ns(), _STOPPED
        try:
            found = await answer
            outcome = _OK
        except TurnStopped:
            raise
        except Exception as error:
            outcome = code_of(error)
            raise
        finally:
            self._tracer.end(
                FinishedSpan(
                    name="call platform",
                    kind="client",
                    context=new_span(self._context),
                    parent=span_id(self._context),
                    began=began,
                    ended=time.time_ns(),
                    attributes={**self._labels, "headrace.page": page, "headrace.outcome": outcome},
                    failed=outcome not in (_OK, _STOPPED),
                )
            )
        return found

    def ended(self, outcome: str) -> None:
        """Record the turn: `ok`, or the word for what ended it."""
        self._tracer.end(
            FinishedSpan(
                name="read feed",
                kind="internal",
                context=self._context,
                began=self._began,
                ended=time.time_ns(),
                attributes={**self._labels, "headrace.calls": self._calls, "headrace.outcome": outcome},
                failed=outcome not in (_OK, _STOPPED),
            )
        )


def trace_turn(tracer: Tracer | None, *, provider: str, tenant: str, feed: str) -> TurnTrace | None:
    """Return what records a turn of a feed, None where it is not sampled, or nothing is."""
    context = "" if tracer is None else tracer.begin()
    return TurnTrace(tracer, context, provider=provider, tenant=tenant, feed=feed) if tracer and context else None
