"""A token bucket: so many calls a second on the average, one after the other. Pure; times are seconds."""

from typing import Final

from headrace.poller.budget import DAY_SECONDS, YEAR_SECONDS
from headrace.sdk.limits import CallLimits


class TokenBucket:
    """Lets `rate` calls a second through. What was not used for a while is not made up for: one call at a time."""

    def __init__(self, rate: float) -> None:
        self._rate: Final = rate
        self._free_at = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds until a call may start."""
        return max(0.0, self._free_at - now)

    def take(self, now: float) -> None:
        """Count a call that starts now."""
        self._free_at = now + 1.0 / self._rate


def sustained_rate(limits: CallLimits) -> float:
    """Return how many calls a second a budget allows day after day."""
    rates = [limits.per_window / limits.window]
    if limits.per_day:
        rates.append(limits.per_day / DAY_SECONDS)
    if limits.per_year:
        rates.append(limits.per_year / YEAR_SECONDS)
    return min(rates)
