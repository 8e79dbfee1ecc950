"""Two clocks: ours, which never goes back, and the platform's, measured by the dates of its answers."""

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

TOLERANCE_SECONDS: Final = 2.0
"""An HTTP date has whole seconds and an answer takes a while: a smaller difference means nothing."""


class Clock:
    """Seconds since the epoch that never go back; `skew` is how many seconds the platform's clock is ahead of ours."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now: Final = now
        self._last = 0.0
        self.skew = 0.0

    def now(self) -> float:
        """Return our time."""
        self._last = max(self._last, self._now())
        return self._last

    def theirs(self) -> float:
        """Return the platform's time."""
        return self.now() + self.skew

    def compare(self, headers: Mapping[str, str], sent: float, answered: float) -> None:
        """Measure `skew` by the `Date` of an answer. An answer out of a cache (it has an `Age`) is passed over."""
        if "age" in headers or "date" not in headers:
            return
        try:
            date = parsedate_to_datetime(headers["date"]).timestamp() + 0.5  # a date is cut to the second
        except (ValueError, OverflowError):
            return
        ahead = date - (sent + answered) / 2
        self.skew = ahead if abs(ahead) > TOLERANCE_SECONDS + (answered - sent) / 2 else 0.0
