"""Token buckets for the rate of each tenant, and a throttle for log lines. Pure: the clock is handed in."""

from collections.abc import Container
from typing import Final


class TokenBuckets:
    """A token bucket for each key: `burst` at once, then `rate` a second.

    What something costs is known only when it is there. So whoever has a token may go on, and is charged afterwards:
    what was charged beyond the bucket is waited for.
    """

    def __init__(self, rate: int, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._levels: Final[dict[str, tuple[float, float]]] = {}

    def change(self, rate: int, burst: int, keys: Container[str]) -> None:
        """Go on at another rate, and forget all but these keys: what the others have charged stays charged."""
        self._rate, self._burst = rate, float(burst)
        for key in [key for key in self._levels if key not in keys]:
            del self._levels[key]

    def pause(self, key: str, now: float) -> float:
        """Return the seconds from `now` (monotonic) until there is a token, 0 where there is one."""
        level = self._level(key, now)
        return 0.0 if level >= 1 else (1 - level) / self._rate

    def charge(self, key: str, tokens: int, now: float) -> None:
        """Take tokens at `now`, though there may be fewer."""
        self._levels[key] = (self._level(key, now) - tokens, now)

    def _level(self, key: str, now: float) -> float:
        if key not in self._levels:
            return self._burst
        level, at = self._levels[key]
        return min(self._burst, level + (now - at) * self._rate)


class LogThrottle:
    """Lets one line of a kind through every N seconds, and counts the others: a flood must not fill the log.

    Each kind is remembered: there must be a bounded number of them.
    """

    def __init__(self, every: float) -> None:
        self._every: Final = every
        self._kinds: Final[dict[tuple[str, ...], tuple[float, int]]] = {}

    def count(self, kind: tuple[str, ...], now: float) -> int:
        """Count one at `now`; return 0 where it is held back, else how many there were since the last that was not."""
        last, held = self._kinds.get(kind, (-self._every, 0))
        if now - last < self._every:
            self._kinds[kind] = (last, held + 1)
            return 0
        self._kinds[kind] = (now, 0)
        return held + 1
