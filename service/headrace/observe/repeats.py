"""Limit how often the log says the same: first once, then now and then with the number of those left out. Pure."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Final

EVERY_SECONDS: Final = 30.0
"""Between two lines that say the same."""
MOST_A_MINUTE: Final = 3
"""Lines of one kind, whatever each of them says."""
MOST_REMEMBERED: Final = 1_000
"""Lines, and kinds of them, that are told apart: the oldest are forgotten."""

_MINUTE: Final = 60.0


class RepeatLimiter:
    """Admits lines by what they say and of which kind they are; times are seconds, never going back."""

    def __init__(self) -> None:
        self._lines: Final[OrderedDict[Hashable, float]] = OrderedDict()
        self._kinds: Final[OrderedDict[Hashable, deque[float]]] = OrderedDict()
        self._left_out: Final[dict[Hashable, int]] = {}

    def admit(self, kind: Hashable, line: Hashable, now: float) -> int | None:
        """Return how many lines of its kind were left out since the last one, None where this one is left out too."""
        times = self._times(kind)
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        last = self._lines.get((kind, line))
        if len(times) >= MOST_A_MINUTE or (last is not None and now - last < EVERY_SECONDS):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        times.append(now)
        self._lines[kind, line] = now
        self._lines.move_to_end((kind, line))
        if len(self._lines) > MOST_REMEMBERED:
            self._lines.popitem(last=False)
        return self._left_out.pop(kind, 0)

    def _times(self, kind: Hashable) -> deque[float]:
        times = self._kinds.setdefault(kind, deque())
        self._kinds.move_to_end(kind)
        if len(self._kinds) > MOST_REMEMBERED:
            forgotten, _ = self._kinds.popitem(last=False)
            self._left_out.pop(forgotten, None)
        return times
