"""Two clocks: ours, which never goes back, and the platform's, measured by the dates of its answers.

What pollers store of a tenant is full of times: when a feed was read, until when a budget is leased, when a nudge came.
A successor whose clock is an hour behind would wait that hour before it reads anything. So ours begins where the last
one was; where the system's is behind it, ours goes a little slower until the system's has caught up.
"""

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

TOLERANCE_SECONDS: Final = 2.0
"""An HTTP date has whole seconds and an answer takes a while: a smaller difference means nothing."""
_ROUNDED_SECONDS: Final = 1.0
"""Some cut a date to the second, some round it up."""
CATCH_UP_SPEED: Final = 0.9
"""How fast our time goes while the system's is behind it: holds and intervals last a ninth longer, an hour is made
up for in ten."""


class Clock:
    """Seconds since the epoch that never go back; `skew` is how many seconds the platform's clock is ahead of ours.

    `now` returns the system's time, `steady` monotonic seconds; `begin` is the newest time that predecessors stored.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        *,
        begin: float = 0.0,
    ) -> None:
        self._system: Final = now
        self._steady: Final = steady
        self._last = begin
        self._looked = steady()
        self.skew = 0.0

    def now(self) -> float:
        """Return our time."""
        looked = self._steady()
        self._last = max(self._system(), self._last + (looked - self._looked) * CATCH_UP_SPEED)
        self._looked = looked
        return self._last

    @property
    def ahead(self) -> float:
        """How many seconds our time is ahead of the system's, 0 but after a wrong clock."""
        return max(0.0, self.now() - self._system())

    def theirs(self) -> float:
        """Return the platform's time."""
        return self.now() + self.skew

    def theirs_at(self, headers: Mapping[str, str]) -> float:
        """Return the platform's time when it gave an answer: the earliest that its own `Date` allows.

        What the answer dates (when to come back) is to be held against that: our own measure passes over trifles.
        """
        date = date_of(headers)
        return self.theirs() if date is None else date - _ROUNDED_SECONDS

    def compare(self, headers: Mapping[str, str], sent: float, answered: float) -> None:
        """Measure `skew` by the `Date` of an answer."""
        date = date_of(headers)
        if date is None:
            return
        ahead = date + 0.5 - (sent + answered) / 2  # a date is cut to the second
        self.skew = ahead if abs(ahead) > TOLERANCE_SECONDS + (answered - sent) / 2 else 0.0


def date_of(headers: Mapping[str, str]) -> float | None:
    """Return when an answer was given by its own `Date`; None where it has none, or comes out of a cache."""
    if "age" in headers or "date" not in headers:
        return None
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (ValueError, OverflowError):
        return None
