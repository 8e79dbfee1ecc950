"""What one turn of a back-fill has come to: what it called, brought and gave up, and how long the next one waits."""

from typing import Final

from headrace.poller.circuit_breaker import FIRST_PAUSE_SECONDS, LONGEST_PARKING_SECONDS, LONGEST_PAUSE_SECONDS
from headrace.poller.paced_limiter import PacedLimiter
from headrace.poller.turn_runner import BegunTurn
from headrace.records.ordered import Backfill
from headrace.sdk.faults import Denied, Throttled

TRIES: Final = 5
"""So often a lead is tried that the platform refuses, or denies while another one comes."""
PATIENT_TRIES: Final = 12
"""So often one is tried that fails in any other way while another one comes: over some eight minutes."""
OTHERS: Final = 8
"""So many leads are asked for in turn, to see whether one comes."""
NOT_WHOLE: Final = "not all of it could be read"


class Tally:
    """Sums of one turn, and how much of them is noted. `limiter` let its calls through."""

    def __init__(self, limiter: PacedLimiter) -> None:
        self.limiter: Final = limiter
        self.turn: BegunTurn | None = None
        self._noted = (0, 0, 0)

    def more(self, found: Backfill | None) -> dict[str, int]:
        """Return the sums of a back-fill with what came since the last call."""
        if found is None or self.turn is None:
            return {}
        sums = self.limiter.calls, self.turn.raw.appended, self.turn.api.given_up
        calls, events, given_up = (now - before for now, before in zip(sums, self._noted, strict=True))
        self._noted = sums
        return {
            "calls": found.calls + calls,
            "events": found.events + events,
            "given_up": found.given_up + given_up,
        }


def may_fail_alone(found: Backfill) -> bool:
    """Return whether it is time to see if the lead that is read fails alone, or the platform does."""
    return found.failures + 1 >= (TRIES if found.code == Denied.code else PATIENT_TRIES)


def rest(error: Exception, failures: int) -> float:
    """Return for how many seconds a back-fill rests after a failure, which so many came before in a row."""
    if isinstance(error, Throttled) and error.wait is not None:
        return error.wait
    longest = LONGEST_PARKING_SECONDS if isinstance(error, Denied) else LONGEST_PAUSE_SECONDS
    return float(min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 20), longest))
