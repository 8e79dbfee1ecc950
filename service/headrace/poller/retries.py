"""How a tenant's calls are made: signed, and tried again where that may help."""

import asyncio
import random
from typing import Final

from headrace.poller.oauth_tokens import OAuthTokens
from headrace.poller.rate_limiter import RateLimiter
from headrace.sdk.faults import Denied, Fault, Throttled, Unavailable
from headrace.sdk.feed import Call

TRIES: Final = 4
FIRST_PAUSE: Final = 0.5
LONGEST_WAIT: Final = 60.0
"""Seconds that a turn waits for a platform that throttles it; for longer than that, it ends."""


class Retries:
    """The calls of one tenant, to be made at the same time by several turns."""

    def __init__(self, gate: RateLimiter, bearer: OAuthTokens) -> None:
        self.gate: Final = gate
        self._bearer: Final = bearer

    async def call(self, call: Call) -> bytes:
        """Give the body of a good answer. Raises `Fault`; what may pass was tried again."""
        renewed = False
        for number in range(TRIES):
            token = await self._bearer.current()
            try:
                return await self.gate.ask(self.gate.client.sign(call, token))
            except Denied:
                if renewed or number == TRIES - 1 or not await self._bearer.renew(token):
                    raise
                renewed = True
            except (Throttled, Unavailable) as fault:
                if number == TRIES - 1 or not _may_pass(fault):
                    raise
                await asyncio.sleep(_pause(fault, number))
        raise AssertionError("the last try returns or raises")


def _may_pass(fault: Fault) -> bool:
    return not isinstance(fault, Throttled) or fault.wait is None or fault.wait <= LONGEST_WAIT


def _pause(fault: Fault, number: int) -> float:
    if isinstance(fault, Throttled):
        return 0.0  # the gate lets nothing through before its time
    return FIRST_PAUSE * 2.0**number * random.uniform(0.5, 1.5)  # noqa: S311  (jitter is no secret)
