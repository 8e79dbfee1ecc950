"""Circuit breaker of one tenant: it opens after failures in a row, and when the credentials were denied. Pure.

```
closed -- failures in a row, or denied --> open for a pause -- pause over --> one turn tries
   ^                                        ^                                    |
   |                                        +---- it failed: a pause twice as long
   +----------------------------------------------- it succeeded
```
"""

import random
from collections.abc import Callable
from typing import Final

MOST_FAILURES: Final = 3
FIRST_PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 600.0
FIRST_PARKING_SECONDS: Final = 300.0
LONGEST_PARKING_SECONDS: Final = 3600.0


def _jitter() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311  (jitter is no secret)


class CircuitBreaker:
    """Times are seconds. `jitter` returns a factor for each pause, so that tenants do not come back together."""

    def __init__(self, jitter: Callable[[], float] = _jitter) -> None:
        self._jitter: Final = jitter
        self._failures = 0
        self._pause = 0.0
        self.until = 0.0
        self.parked_since = 0.0

    def allows(self, now: float, running: int) -> bool:
        """Return whether one more turn may begin beside those that are running."""
        return not self._pause or (now >= self.until and not running)

    def wait(self, now: float) -> float:
        """Return the seconds until turns may begin again."""
        return max(0.0, self.until - now) if self._pause else 0.0

    def succeeded(self) -> None:
        """Note that the platform answered."""
        self._failures, self._pause, self.until, self.parked_since = 0, 0.0, 0.0, 0.0

    def failed(self, now: float) -> None:
        """Note that a turn ended without an answer that makes sense."""
        self._failures += 1
        if self._pause or self._failures >= MOST_FAILURES:
            self._open(now, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)

    def park(self, now: float) -> None:
        """Note that the platform denied everything."""
        if not self.parked_since:
            self.parked_since, self._pause, self.until = now, 0.0, 0.0
        self._open(now, FIRST_PARKING_SECONDS, LONGEST_PARKING_SECONDS)

    def _open(self, now: float, first: float, longest: float) -> None:
        if now < self.until:
            return  # turns that had begun before it opened say nothing new
        self._pause = min(max(first, self._pause * 2), longest)
        self.until = now + self._pause * self._jitter()
