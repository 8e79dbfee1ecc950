"""`Retry-After` as platforms write it: seconds, seconds since the epoch, an HTTP date, or an ISO 8601 time. Pure."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT_SECONDS: Final = 86_400.0
"""Whatever a platform says, it is called again after a day."""
_EPOCH_FROM: Final = 100_000_000
"""A number this large is a time and no span: as a span it would be three years."""


def retry_after(header: str | None, now: float) -> float | None:
    """Return the seconds to wait from `now` (seconds since the epoch); None where there are none in the header."""
    if header is None or not (text := header.strip()):
        return None
    wait = _seconds(text, now)
    return None if wait is None else min(max(wait, 0.0), LONGEST_WAIT_SECONDS)


def _seconds(text: str, now: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        moment = _moment(text)
        return None if moment is None else moment - now
    if not math.isfinite(number):
        return None
    return number - now if number >= _EPOCH_FROM else number


def _moment(text: str) -> float | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text)
        except (ValueError, OverflowError):
            continue
        # A time without a zone is UTC: both forms are defined so, and every one of the platforms means it.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return None
