"""Two clocks: ours, which never goes back, and the platform's, as its answers tell it."""

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

COARSE: Final = 2.0
"""Seconds that an HTTP date and a slow answer may be off without meaning anything."""


class Clock:
    """Seconds since the epoch that never go back; `skew` is what the platform's clock is ahead of ours."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now: Final = now
        self._last = 0.0
        self.skew = 0.0

    def now(self) -> float:
        """Give our time."""
        self._last = max(self._last, self._now())
        return self._last

    def theirs(self) -> float:
        """Give the platform's time."""
        return self.now() + self.skew

    def hear(self, headers: Mapping[str, str], sent: float, answered: float) -> None:
        """Compare clocks by the `Date` of an answer; one that comes out of a cache (`Age`) tells nothing."""
        if "age" in headers or "date" not in headers:
            return
        try:
            told = parsedate_to_datetime(headers["date"]).timestamp() + 0.5  # a date is cut to the second
        except (ValueError, OverflowError):
            return
        ahead = told - (sent + answered) / 2
        self.skew = ahead if abs(ahead) > COARSE + (answered - sent) / 2 else 0.0
