"""The time of a simulated platform: it stands still until it is moved, unless it runs."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

DAY: Final = 86_400.0


class Clock:
    """Seconds since the epoch: `now` moves by `advance`, by `tick` at every request, and by `speed` times real time.

    Rows become visible as it moves; a `tick` makes pages shift while they are read.
    """

    def __init__(self, now: float, *, speed: float = 0.0, tick: float = 0.0) -> None:
        self.tick = tick
        self.speed: Final = speed
        self._at = now
        self._since = time.monotonic()

    @property
    def now(self) -> float:
        """What time it is on the platform."""
        return self._at + (time.monotonic() - self._since) * self.speed

    def advance(self, seconds: float) -> float:
        """Move on, and return the new time."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._at += seconds
        return self.now


def iso(moment: float, end: str = ".000Z") -> str:
    """Return a time of whole seconds as ISO 8601, `end` after the seconds."""
    day, second = divmod(int(moment), int(DAY))
    minute = second // 60
    return f"{_date(day)}T{minute // 60:02d}:{minute % 60:02d}:{second % 60:02d}{end}"


@lru_cache
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()


def http_date(moment: float) -> str:
    """Return a time as HTTP has it."""
    return format_datetime(datetime.fromtimestamp(int(moment), UTC), usegmt=True)


def seconds_of(text: str) -> float:
    """Read ISO 8601 (a date alone too), UTC where there is no zone. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
