"""Calls of one tenant: signed, and tried again where that may help."""

import asyncio
import random
from typing import Final

from headrace.config.tenants import Account
from headrace.poller.answer_memory import AnswerSlot
from headrace.poller.clock import Clock
from headrace.poller.metrics import PollerMetrics
from headrace.poller.oauth_tokens import OAuthTokens
from headrace.poller.paced_limiter import Limiter
from headrace.poller.platform_client import PlatformClient
from headrace.poller.rate_limiter import RateLimiter
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.sdk.faults import Denied, Fault, Throttled, Unavailable
from headrace.sdk.feed import ApiClient, Call

TRIES: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
"""How long a feed run waits for a platform that throttles it; where that takes longer, the run ends."""


class Retries:
    """The calls of one tenant; several feed runs may make calls at the same time."""

    def __init__(self, api: ApiClient, limiter: Limiter, tokens: OAuthTokens) -> None:
        self._api: Final = api
        self._limiter: Final = limiter
        self._tokens: Final = tokens

    def through(self, limiter: Limiter) -> "Retries":
        """Return the same calls, let through by another limiter; access tokens are minted as ever."""
        return Retries(self._api, limiter, self._tokens)

    async def call(self, call: Call, slot: AnswerSlot) -> bytes:
        """Return the body of a good answer, which `slot` counts.

        Raises `Fault`, after retries where the fault may be transient.
        """
        renewed = False
        for number in range(TRIES):
            token = await self._tokens.current()
            try:
                return await self._limiter.send(self._api.sign(call, token), slot)
            except Denied:
                if renewed or number == TRIES - 1 or not await self._tokens.renew(token):
                    raise
                renewed = True
            except (Throttled, Unavailable) as fault:
                if number == TRIES - 1 or not _may_pass(fault):
                    raise
                await asyncio.sleep(_pause(fault, number))
        raise AssertionError("the last try returns or raises")


def retries_of(
    account: Account,
    client: PlatformClient,
    limiter: RateLimiter,
    *,
    clock: Clock,
    state: TenantState,
    writer: StateWriter,
    metrics: PollerMetrics,
) -> Retries:
    """Return the calls of a tenant, signed with its access tokens where the platform has any."""
    tokens = OAuthTokens(account, client, limiter, clock=clock, state=state, writer=writer, metrics=metrics)
    return Retries(client.api, limiter, tokens)


def _may_pass(fault: Fault) -> bool:
    return not isinstance(fault, Throttled) or fault.wait is None or fault.wait <= LONGEST_WAIT_SECONDS


def _pause(fault: Fault, number: int) -> float:
    if isinstance(fault, Throttled):
        return 0.0  # the rate limiter lets nothing through before its time
    return FIRST_PAUSE_SECONDS * 2.0**number * random.uniform(0.5, 1.5)  # noqa: S311  (jitter is no secret)
