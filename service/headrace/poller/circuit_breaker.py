"""When a tenant is left in peace: after failures in a row, and when its credentials were denied. Pure.

```
closed -- failures in a row, or denied --> open for a pause -- pause over --> one turn tries
   ^                                        ^                                    |
   |                                        +---- it failed: a pause twice as long
   +----------------------------------------------- it went well
```
"""

from collections.abc import Callable
from typing import Final

MOST_FAILURES: Final = 3
FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 600.0
FIRST_PARKING: Final = 300.0
LONGEST_PARKING: Final = 3600.0


class CircuitBreaker:
    """One tenant's, in seconds; `jitter` gives a factor for each pause, so that tenants do not come back together."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter: Final = jitter
        self._failures = 0
        self._pause = 0.0
        self.until = 0.0
        self.parked_since = 0.0

    def allows(self, now: float, running: int) -> bool:
        """Say whether one more turn may begin beside those that are running."""
        return not self._pause or (now >= self.until and not running)

    def wait(self, now: float) -> float:
        """Give the seconds until turns may begin again."""
        return max(0.0, self.until - now) if self._pause else 0.0

    def succeeded(self) -> None:
        """Note that the platform answered."""
        self._failures, self._pause, self.until, self.parked_since = 0, 0.0, 0.0, 0.0

    def failed(self, now: float) -> None:
        """Note that a turn ended without an answer that makes sense."""
        self._failures += 1
        if self._pause or self._failures >= MOST_FAILURES:
            self._open(now, FIRST_PAUSE, LONGEST_PAUSE)

    def park(self, now: float) -> None:
        """Note that the platform denied everything."""
        if not self.parked_since:
            self.parked_since, self._pause, self.until = now, 0.0, 0.0
        self._open(now, FIRST_PARKING, LONGEST_PARKING)

    def _open(self, now: float, first: float, longest: float) -> None:
        if now < self.until:
            return  # turns that had begun before it opened say nothing new
        self._pause = min(max(first, self._pause * 2), longest)
        self.until = now + self._pause * self._jitter()
