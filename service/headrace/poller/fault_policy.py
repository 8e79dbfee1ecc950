"""What becomes of a turn that ended badly: each fault gets its own treatment. Pure."""

from typing import Final, Literal

from msgspec import Struct

from headrace.kafka.client import KafkaError
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
