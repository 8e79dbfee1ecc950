"""Which stream of an account is read next: all share one call in `every`, by their volume. Pure.

A stream that is expected to have many rows is read in addition, for then there is more to bring than the call costs.
"""

import zlib
from collections.abc import Collection, Mapping
from typing import Final

from headrace.providers.leadsquared.stream import StreamState

WORTH_ROWS: Final = 50
"""A stream that is expected to have so many rows waits for nobody's turn."""
_MINUTE_MS: Final = 60_000
_QUIET: Final = 1e-6
"""Rows in a second that are expected of a stream that brings none: it is read, but the others come first."""


class StreamSchedule:
    """`states` by the names of streams; `every` is in milliseconds."""

    def __init__(self, states: Mapping[str, StreamState], every: int) -> None:
        self._states: Final = states
        self._every: Final = every

    @property
    def longest(self) -> int:
        """How long (ms) a stream waits at most, where there is budget for a call in `every`."""
        return 2 * len(self._states) * self._every

    def due(self, now: int) -> str | None:
        """Return the stream that has more to bring and was asked for longest ago; None where there is none."""
        found = [(at.touched, _shuffled(name, now), name) for name, at in self._free(now) if self._has_more(at, now)]
        return min(found)[2] if found else None

    def next(self, now: int, *, oldest: bool) -> str | None:
        """Return the stream whose turn it is; None where all rest.

        Every other turn is that of the one which was read longest ago (`oldest`): so none waits longer than `longest`.
        Else the one goes first whose rows wait longest in sum: that is the least wait on the average for so many calls.
        """
        free = self._free(now)
        if oldest:
            return min(((at.read, name) for name, at in free), default=(0, None))[1]
        return max(((max(at.rate, _QUIET) * (now - at.read) ** 2, name) for name, at in free), default=(0, None))[1]

    def _has_more(self, at: StreamState, now: int) -> bool:
        if at.begun or not at.read:
            return True
        waited = now - at.read
        return waited >= self._every and at.rate * waited / 1000 >= WORTH_ROWS

    def control(self, now: int, *, but: Collection[str]) -> str | None:
        """Return a stream that shows whether others fail alone: one that came before, where there is any.

        It is another one each minute: two that fail for good must not stand for the platform.
        """
        found = [(not at.read, _shuffled(name, now), name) for name, at in self._free(now) if name not in but]
        return min(found)[2] if found else None

    def _free(self, now: int) -> list[tuple[str, StreamState]]:
        return [(name, at) for name, at in self._states.items() if at.rests <= now]


def _shuffled(name: str, now: int) -> int:
    return zlib.crc32(f"{name} {now // _MINUTE_MS}".encode())
