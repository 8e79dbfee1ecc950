"""Fault policy: what each fault does to the work that met it, to its feed and to the tenant. Pure."""

from typing import Final, Literal

from msgspec import Struct

from headrace.kafka.client import KafkaError
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.scheduler import Scheduler, Work
from headrace.poller.setback import Setback
from headrace.sdk.faults import Denied, Fault, Gone, Incomplete, NoRoute, Rejected, Throttled, TooHeavy, Unavailable

FIRST_PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
REJECTED_PAUSE_SECONDS: Final = 6 * 3600.0
KAFKA_PAUSE_SECONDS: Final = 1.0
LONGEST_KAFKA_PAUSE_SECONDS: Final = 30.0
DENIED_PAUSE_SECONDS: Final = 600.0


class Treatment(Struct, frozen=True):
    """`pause` is in seconds; `again`: the work is done again then; `circuit`: what the tenant's circuit breaker notes.

    `drop`: the lead is watched no more.
    """

    code: str
    pause: float
    circuit: Literal["succeeded", "failed", "untouched", "denied"]
    again: bool = True
    drop: bool = False


def treatment_of(error: Exception, failures: int) -> Treatment:
    """Return the treatment of an error, after so many failures of the same work in a row."""
    match error:
        case Denied():
            found = Treatment(error.code, _longer(DENIED_PAUSE_SECONDS, failures), "denied")
        case Gone() | Rejected():
            gone = isinstance(error, Gone)
            found = Treatment(error.code, REJECTED_PAUSE_SECONDS, "succeeded", again=False, drop=gone)
        case Throttled():
            found = Treatment(error.code, error.wait or FIRST_PAUSE_SECONDS, "untouched")
        case Incomplete():
            found = Treatment(error.code, _longer(FIRST_PAUSE_SECONDS, failures), "succeeded")
        case TooHeavy() | Unavailable() | NoRoute():  # the smallest page too: so an outage looks at some platforms
            found = Treatment(error.code, _longer(FIRST_PAUSE_SECONDS, failures), "failed")
        case KafkaError() | TimeoutError() | ConnectionError():  # raw did not take it
            pause = min(_longer(KAFKA_PAUSE_SECONDS, failures), LONGEST_KAFKA_PAUSE_SECONDS)
            found = Treatment("append", pause, "untouched")
        case _:
            found = Treatment("broken", _longer(FIRST_PAUSE_SECONDS, failures), "untouched")
    return found


def _longer(first: float, failures: int) -> float:
    return min(first * 2.0 ** min(failures, 20), LONGEST_PAUSE_SECONDS)


def sentence(error: Exception) -> str:
    """Return what happened, without anything secret: only a fault's own text is known to be clean."""
    return str(error) if isinstance(error, Fault) else type(error).__name__


class Backoff:
    """Backoff after a feed run, per work item, feed and tenant. Times are seconds since the epoch."""

    def __init__(self, scheduler: Scheduler, circuit: CircuitBreaker) -> None:
        self._scheduler: Final = scheduler
        self._circuit: Final = circuit
        self._succeeded: Final[dict[str, float]] = {}

    def succeeded(self, work: Work, now: float, *, more: bool) -> None:
        """Note a run that succeeded; `more`: its feed has more to bring at once."""
        self._succeeded[work.feed] = now
        self._circuit.succeeded()
        self._scheduler.done(work, now, more=more)

    def failed(self, work: Work, error: Exception, now: float) -> Treatment:
        """Note a run that failed; return the treatment that it got."""
        before = self._scheduler.setback(work)
        denied, treatment = before.denied, treatment_of(error, before.failures)
        match treatment.circuit:
            case "succeeded":
                self._circuit.succeeded()
            case "failed":
                self._circuit.failed(now)
            case "denied":
                denied = denied or now
                self._hold_denied(work, denied, now, treatment.pause)
        if treatment.drop and work.lead is not None:
            self._scheduler.done(work, now)
            self._scheduler.drop(work.lead)
        elif work.event is not None and not treatment.again:
            self._scheduler.done(work, now)
        else:
            wake = treatment.again and work != Work(work.feed)
            setback = Setback(now + treatment.pause, before.failures + 1, denied)
            self._scheduler.pause(work, setback, wake=wake)
        return treatment

    def _hold_denied(self, work: Work, since: float, now: float, pause: float) -> None:
        """Hold the feed, and park the tenant unless another feed succeeded since this work was denied first.

        Where other work of the same feed succeeded since, this lead or event alone is forbidden. To find that out, the
        feed is held half as long as the work pauses: other work of it has its turn before.
        """
        if self._succeeded.get(work.feed, 0.0) > since:
            return
        self._scheduler.hold(work.feed, now + (pause if work == Work(work.feed) else pause / 2))
        if not any(at > since for at in self._succeeded.values()):
            self._circuit.park(now)
