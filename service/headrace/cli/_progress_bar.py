"""A bar on standard error for long work: how much is done, and how long the rest takes at that pace."""

import time
from typing import Final, Self

from headrace.cli._formatting import span
from headrace.cli._output import progress

_EVERY_SECONDS: Final = 0.5
_WIDE: Final = 20


class ProgressBar:
    """Shows on a terminal how many of `total` are done. Cleared at the end of its `with`."""

    def __init__(self, title: str, total: int) -> None:
        self.done = 0
        self._title: Final = title
        self._total: Final = max(total, 1)
        self._began: Final = time.monotonic()
        self._next = self._began + _EVERY_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        progress("")

    def to(self, done: int) -> None:
        """Show how many are done, now and then."""
        self.done = done
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY_SECONDS
            progress(self._line(now - self._began))

    def _line(self, seconds: float) -> str:
        filled = min(_WIDE, self.done * _WIDE // self._total)
        left = seconds * (self._total - self.done) / self.done if self.done > 0 else 0
        rest = f", {span(round(left))} left" if left >= 1 else ""
        bar = "#" * filled + "." * (_WIDE - filled)
        return f"  [{bar}] {self._title}: {self.done:,} of {self._total:,}{rest}"
