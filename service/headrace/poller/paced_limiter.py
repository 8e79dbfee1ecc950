"""The rate limiter as a back-fill sees it: its calls come one after the other, at a share of the tenant's budget."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from headrace.poller.answer_memory import AnswerSlot
from headrace.poller.clock import Clock
from headrace.poller.token_bucket import TokenBucket
from headrace.sdk.feed import Call

_LOOK_SECONDS: Final = 30.0


class TurnStopped(Exception):  # noqa: N818  (what happened, not whose error)
    """The turn makes no further call: its feed was paused, or the back-fill cancelled."""


class Limiter(Protocol):
    """Who lets calls through."""

    async def send(self, signed: Call, slot: AnswerSlot | None = None) -> bytes:
        """Make a signed call once, as soon as it may start; return the body. Raises `Fault`."""

    def is_free(self) -> bool:
        """Return whether a call may start at once."""

    def has_spare(self) -> bool:
        """Return whether more is left of the day's and the year's calls than what live feeds need."""


class PacedLimiter:
    """Lets calls through to `limiter` as a token bucket allows, and none that live feeds need.

    `check` raises `TurnStopped` where no more may be made; `changed` is set when that may be so.
    """

    def __init__(
        self, limiter: Limiter, bucket: TokenBucket, clock: Clock, *, check: Callable[[], None], changed: asyncio.Event
    ) -> None:
        self.calls = 0
        """How many calls were let through."""
        self._limiter: Final = limiter
        self._bucket: Final = bucket
        self._clock: Final = clock
        self._check: Final = check
        self._changed: Final = changed

    async def send(self, signed: Call, slot: AnswerSlot | None = None) -> bytes:
        """See Limiter. Raises `TurnStopped`."""
        self._check()
        while (wait := self._wait()) > 0.0:
            self._changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._check()
        self._bucket.take(self._clock.now())
        self.calls += 1
        return await self._limiter.send(signed, slot)

    def is_free(self) -> bool:
        """See Limiter."""
        return self._wait() == 0.0 and self._limiter.is_free()

    def has_spare(self) -> bool:
        """See Limiter."""
        return self._limiter.has_spare()

    def _wait(self) -> float:
        return max(self._bucket.wait(self._clock.now()), 0.0 if self.has_spare() else _LOOK_SECONDS)
