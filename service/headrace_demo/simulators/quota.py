"""Quota of a simulated platform: the calls that it allows, a count of them, and Retry-After."""

from collections import deque
from typing import Final, Literal

from msgspec import Struct

from headrace_demo.simulators.clock import DAY, http_date, iso

Form = Literal["seconds", "epoch", "http", "iso", "none"]
"""How Retry-After is written."""

YEAR: Final = 365 * DAY


class Allowance(Struct, frozen=True, kw_only=True):
    """`per_window` calls in any `window` seconds, and so many a day and a year; 0 is no limit."""

    per_window: int = 0
    window: float = 60.0
    per_day: int = 0
    per_year: int = 0


class Quota:
    """The count of one account, in windows that slide: no stretch of time holds more than is allowed.

    `exceeded` counts the calls that were one too many: a well-behaved client leaves it at 0.
    """

    def __init__(self, allowance: Allowance | None = None, form: Form = "seconds") -> None:
        self.allowance = allowance or Allowance()
        self.form = form
        self.taken = 0
        self.exceeded = 0
        self._recent: Final[deque[float]] = deque()
        self._day = (float("-inf"), 0)
        self._year = (float("-inf"), 0)

    @property
    def day(self) -> int:
        """The calls of this day, which began with its first call."""
        return self._day[1]

    @property
    def year(self) -> int:
        """The calls of this year."""
        return self._year[1]

    def take(self, now: float) -> float | None:
        """Count a call. None where it is allowed, else the seconds until the next one would be."""
        self._forget(now)
        wait = self._wait(now)
        if wait is None:
            self.taken += 1
            self._recent.append(now)
            self._day = (self._day[0], self._day[1] + 1)
            self._year = (self._year[0], self._year[1] + 1)
            return None
        self.exceeded += 1
        return wait

    def left(self, now: float) -> int:
        """Return the calls that are left in the window."""
        self._forget(now)
        return max(0, self.allowance.per_window - len(self._recent)) if self.allowance.per_window else 1_000_000

    def resets(self, now: float) -> float:
        """Return the seconds until the window has its oldest call behind it."""
        return self._recent[0] + self.allowance.window - now if self._recent else 0.0

    def _wait(self, now: float) -> float | None:
        allowed = self.allowance
        if allowed.per_year and self.year >= allowed.per_year:
            return self._year[0] + YEAR - now
        if allowed.per_day and self.day >= allowed.per_day:
            return self._day[0] + DAY - now
        if allowed.per_window and len(self._recent) >= allowed.per_window:
            return self.resets(now)
        return None

    def _forget(self, now: float) -> None:
        if not self.allowance.per_window:
            self._recent.clear()
        while self._recent and self._recent[0] + self.allowance.window <= now:
            self._recent.popleft()
        if now >= self._day[0] + DAY:
            self._day = (now, 0)
        if now >= self._year[0] + YEAR:
            self._year = (now, 0)


def retry_after(form: Form, wait: float, now: float) -> dict[str, str]:
    """Return the Retry-After header; `now` is the platform's own time. Rounded up, so that waiting so long suffices."""
    seconds = int(wait) + 1
    match form:
        case "none":
            return {}
        case "seconds":
            return {"Retry-After": str(seconds)}
        case "epoch":
            return {"Retry-After": str(int(now) + seconds)}
        case "http":
            return {"Retry-After": http_date(now + seconds)}
        case "iso":
            return {"Retry-After": iso(now + seconds, "Z")}
