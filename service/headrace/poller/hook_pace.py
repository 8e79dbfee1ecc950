"""Pace of a command's calls beside a poller's: together they keep to the platform's limits.

The poller is told of the calls before they are made, and leaves them room: as many places in the short window, for as
long as they take. The command waits until there is room, and makes them one after the other, evenly.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

from headrace.sdk.limits import CallLimits

TAKEN_SECONDS: Final = 1.5
"""After so long a poller has counted calls that were announced to it."""
LONGEST_WAIT_SECONDS: Final = 10.0
"""For room in the short window; one that lasts longer has it."""
_SLOWER: Final = 1.25
_ANSWERED_SECONDS: Final = 10.0

Announce = Callable[[int, int], Awaitable[None]]
"""Announces so many calls, which are made within so many seconds."""


class HookPace:
    """Lets `planned` calls through, and more one by one; they are announced before. Without a poller nobody is told."""

    def __init__(
        self,
        limits: CallLimits,
        planned: int,
        announce: Announce | None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._apart: Final = limits.window / limits.per_window * _SLOWER
        self._room: Final = TAKEN_SECONDS + (limits.window if limits.window <= LONGEST_WAIT_SECONDS else 0.0)
        self._planned: Final = planned
        self._announce: Final = announce
        self._sleep: Final = sleep
        self._announced = 0
        self._made = 0

    async def admit(self) -> None:
        """Wait until one more call may be made. Raises `KafkaError`, `TimeoutError` where nobody can be told of it."""
        if self._announce is not None and self._made == self._announced:
            calls = 1 if self._made else self._planned
            await self._announce(calls, math.ceil(self._room + calls * self._apart + _ANSWERED_SECONDS))
            self._announced += calls
            await self._sleep(self._room)
        elif self._made:
            await self._sleep(self._apart)
        self._made += 1
