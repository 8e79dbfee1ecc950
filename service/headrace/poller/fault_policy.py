"""What becomes of a turn that ended badly: each fault gets its own treatment. Pure."""

from typing import Final, Literal

from msgspec import Struct

from headrace.kafka.client import KafkaError
from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.scheduler import Scheduler, Work
from headrace.sdk.faults import Denied, Fault, Gone, Rejected, Throttled, TooHeavy, Unavailable

FIRST_REST: Final = 10.0
LONGEST_REST: Final = 3600.0
LONG_REST: Final = 6 * 3600.0
SHORT_REST: Final = 1.0
LONGEST_SHORT_REST: Final = 30.0
DENIED_REST: Final = 600.0


class Treatment(Struct, frozen=True):
    """Seconds of rest, whether the work is to be done `again` then, and what the tenant's circuit hears of it."""

    code: str
    rest: float
    circuit: Literal["succeeded", "failed", "untouched", "denied"]
    again: bool = True
    drop: bool = False


def treatment(error: Exception, failures: int) -> Treatment:
    """Say what to do about an error, after so many failures of the same work in a row."""
    match error:
        case Denied():
            treated = Treatment(error.code, _longer(DENIED_REST, failures), "denied")
        case Gone() | Rejected():
            treated = Treatment(error.code, LONG_REST, "succeeded", again=False, drop=isinstance(error, Gone))
        case Throttled():
            treated = Treatment(error.code, error.wait or FIRST_REST, "untouched")
        case TooHeavy() | Unavailable():  # the smallest page too: the name that an outage has at some platforms
            treated = Treatment(error.code, _longer(FIRST_REST, failures), "failed")
        case KafkaError() | TimeoutError() | ConnectionError():  # raw did not take it
            treated = Treatment("append", min(_longer(SHORT_REST, failures), LONGEST_SHORT_REST), "untouched")
        case _:
            treated = Treatment("broken", _longer(FIRST_REST, failures), "untouched")
    return treated


def _longer(first: float, failures: int) -> float:
    return min(first * 2.0 ** min(failures, 20), LONGEST_REST)


def sentence(error: Exception) -> str:
    """Say what happened, with nothing in it that may not be shown: only a fault's own text is known to be clean."""
    return str(error) if isinstance(error, Fault) else type(error).__name__


class Backoff:
    """Judges the ends of one tenant's turns. Times are seconds since the epoch."""

    def __init__(self, schedule: Scheduler, circuit: CircuitBreaker) -> None:
        self._schedule: Final = schedule
        self._circuit: Final = circuit
        self._failures: Final[dict[Work, int]] = {}
        self._went_well: Final[dict[str, float]] = {}
        self._denied: Final[dict[Work, float]] = {}

    def well(self, work: Work, now: float, *, more: bool) -> None:
        """Note a turn that went well; `more`: its feed has more to bring at once."""
        self._failures.pop(work, None)
        self._denied.pop(work, None)
        self._went_well[work.feed] = now
        self._circuit.succeeded()
        self._schedule.done(work, now, more=more)

    def badly(self, work: Work, error: Exception, now: float) -> Treatment:
        """Note a turn that ended badly, and give what it was treated with."""
        failures = self._failures.pop(work, 0)
        treated = treatment(error, failures)
        match treated.circuit:
            case "succeeded":
                self._circuit.succeeded()
            case "failed":
                self._circuit.failed(now)
            case "denied":
                self._park(work, now, treated.rest)
        if treated.drop and work.lead is not None:
            self._schedule.done(work, now)
            self._schedule.drop(work.lead)
        elif work.event is not None and not treated.again:
            self._schedule.done(work, now)
        else:
            self._failures[work] = failures + 1
            self._schedule.rest(work, now + treated.rest, wake=treated.again and work != Work(work.feed))
        return treated

    def _park(self, work: Work, now: float, rest: float) -> None:
        """Let the feed rest; the whole tenant too, unless another feed went well since this work was denied first.

        Where other work of the same feed went well since, this lead or event alone is forbidden. So that it shows, the
        feed rests half as long as the work: something else has its turn before.
        """
        since = self._denied.setdefault(work, now)
        if self._went_well.get(work.feed, 0.0) > since:
            return
        self._schedule.hold(work.feed, now + (rest if work == Work(work.feed) else rest / 2))
        if not any(at > since for at in self._went_well.values()):
            self._circuit.park(now)
