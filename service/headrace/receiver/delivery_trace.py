"""The spans of a delivery: one from its head to its answer, and below it one of its way into Kafka or the spool."""

import time
from collections.abc import Mapping
from typing import Final, Literal

from headrace.config.tenants import Account
from headrace.observe.traceparent import HEADER, new_span, span_id, valid_traceparent
from headrace.observe.tracer import FinishedSpan, Tracer
from headrace.sdk.provider import Accepted, Refused

ROUTE: Final = "/webhooks/{provider}/{tenant}"
_UNKNOWN: Final = "unknown"
_STEPS: Final = {"kafka": "append", "spool": "spool"}


def sent_context(headers: Mapping[str, str]) -> str:
    """Return the context of the sender's trace; an empty string where it names none, or what is no context."""
    context = headers.get(HEADER)
    return "" if context is None else valid_traceparent(context)


class DeliveryTrace:
    """What one delivery tells of itself; nothing is recorded before it is answered, but its append.

    A sender's trace is joined where the delivery is verified. What is refused before that is sampled by our own ratio,
    in a trace of its own: no stranger decides how many spans we make, nor in whose trace they are.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer: Final = tracer
        self._began: Final = time.time_ns()
        self._outside = ""
        self._context = ""
        self._verified_at = 0

    def join(self, outside: str) -> str:
        """Return the context that the records of the delivery go on with: its span's, `outside` where it has none."""
        self._outside = outside
        self._context = self._tracer.begin(outside)
        return self._context or outside

    def verified(self) -> None:
        """Note that the delivery is the provider's, and its records are on their way."""
        self._verified_at = time.time_ns()

    def durable(self, place: Literal["kafka", "spool"], records: int) -> None:
        """Record that the records became durable in a place."""
        if self._context:
            self._tracer.end(
                FinishedSpan(
                    name=_STEPS[place],
                    kind="producer",
                    context=new_span(self._context),
                    parent=span_id(self._context),
                    began=self._verified_at,
                    ended=time.time_ns(),
                    attributes={"headrace.records": records},
                )
            )

    def accepted(self, account: Account, accepted: Accepted) -> None:
        """Record a delivery that was accepted; one without records is a check of the webhook."""
        self._end(account, accepted.status, "accepted" if accepted.events else "checked", failed=False)

    def refused(self, account: Account | None, refused: Refused) -> None:
        """Record a delivery that was refused, by the code of its problem."""
        if not self._verified_at:
            self._outside, self._context = "", self._tracer.begin()
        self._end(account, refused.status, refused.problem.code, failed=refused.status >= 500)  # noqa: PLR2004  (HTTP)

    def _end(self, account: Account | None, status: int, outcome: str, *, failed: bool) -> None:
        if not self._context:
            return
        self._tracer.end(
            FinishedSpan(
                name=f"POST {ROUTE}",
                kind="server",
                context=self._context,
                parent=span_id(self._outside),
                began=self._began,
                ended=time.time_ns(),
                attributes={
                    "http.route": ROUTE,
                    "http.response.status_code": status,
                    "headrace.provider": account.provider.name if account else _UNKNOWN,
                    "headrace.tenant": account.name if account else _UNKNOWN,
                    "headrace.outcome": outcome,
                },
                failed=failed,
            )
        )
