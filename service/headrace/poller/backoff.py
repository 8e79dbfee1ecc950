"""What a turn leaves behind for those that follow: its own rest, its feed's, and the tenant's. Pure."""

from typing import Final

from headrace.poller.circuit_breaker import Circuit
from headrace.poller.fault_policy import Treatment, treatment
from headrace.poller.scheduler import Schedule, Work


class After:
    """Judges the ends of one tenant's turns. Times are seconds since the epoch."""

    def __init__(self, schedule: Schedule, circuit: Circuit) -> None:
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
