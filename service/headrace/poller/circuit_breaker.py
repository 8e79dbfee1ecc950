"""Circuit breaker of one tenant: it lets one turn through at a time while the platform is in doubt. Pure.

```
closed -- in doubt --> half open: one turn at a time -- it failed --> open for a pause -- pause over --> half open
   ^                       |                                           (each twice as long, up to a bound)
   +---- it succeeded -----+
```
"""

import random
from collections.abc import Callable
from typing import Final

FIRST_PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 48.0
"""With its jitter below a minute: no pause outlives an outage by more."""
FIRST_PARKING_SECONDS: Final = 20.0
LONGEST_PARKING_SECONDS: Final = 3600.0


def _jitter() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311  (jitter is no secret)


class CircuitBreaker:
    """Times are seconds. `jitter` returns a factor for each pause, so that tenants do not come back together."""

    def __init__(self, jitter: Callable[[], float] = _jitter) -> None:
        self._jitter: Final = jitter
        self._in_doubt = False
        self._pause = 0.0
        self.answered = False
        """Whether a turn has succeeded in this process."""
        self.until = 0.0
        self.parked_since = 0.0

    @property
    def in_doubt(self) -> bool:
        """Whether turns begin one at a time."""
        return self._in_doubt

    def allows(self, now: float, *, trying: bool) -> bool:
        """Return whether a turn may begin; `trying`: one that began in doubt runs. Those from before say nothing."""
        return not self._in_doubt or (now >= self.until and not trying)

    def wait(self, now: float) -> float:
        """Return the seconds until turns may begin again."""
        return max(0.0, self.until - now) if self._in_doubt else 0.0

    def succeeded(self) -> None:
        """Note that the platform answered."""
        self.answered = True
        self._in_doubt, self._pause, self.until, self.parked_since = False, 0.0, 0.0, 0.0

    def doubt(self) -> None:
        """Let one turn through at a time, to find out whether it is the platform that fails."""
        self._in_doubt = True

    def try_now(self) -> None:
        """Let the next turn begin at once."""
        self.until = 0.0

    def failed(self, now: float, longest: float = LONGEST_PAUSE_SECONDS) -> None:
        """Note that it is the platform that fails."""
        self._open(now, FIRST_PAUSE_SECONDS, longest)

    def park(self, now: float) -> None:
        """Note that the platform denied everything."""
        if not self.parked_since:
            self.parked_since, self._pause, self.until = now, 0.0, 0.0
        self._open(now, FIRST_PARKING_SECONDS, LONGEST_PARKING_SECONDS)

    def _open(self, now: float, first: float, longest: float) -> None:
        self._in_doubt = True
        if now < self.until:
            return  # turns that had begun before it opened say nothing new
        self._pause = min(max(first, self._pause * 2), longest)
        self.until = now + self._pause * self._jitter()
