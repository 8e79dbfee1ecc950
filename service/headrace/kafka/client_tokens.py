"""Tokens for SASL OAUTHBEARER: minted by an issuer, shared by all clients of a process, renewed before they end.

The client asks for a token for each connection. Kafka closes a connection when the token that it was made with ends,
and the client connects anew: so a token that has little of its life left is replaced before it is used.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakKeyDictionary

import structlog
from aiokafka.abc import AbstractTokenProvider

from headrace.config import KafkaSettings
from headrace.kafka.client_credentials import TurnedAway
from headrace.kafka.msk_token import mint_msk_token
from headrace.kafka.token_issuer import IssuedToken, NotMinted, mint_token

RENEWED_AFTER: Final = 0.8
"""The part of a token's life after which another one is minted: as Kafka's own clients do."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
"""Seconds between attempts to mint: the pause doubles from the first to the longest."""

Mint = Callable[[KafkaSettings], Awaitable[IssuedToken]]

_log = structlog.get_logger()


class SharedTokens(AbstractTokenProvider):  # type: ignore[misc]  # the client ships no types
    """The token that is in use. `clock` returns monotonic seconds.

    Where none can be minted, the old one is used for as long as it lives, and the next attempt waits.
    """

    def __init__(self, kafka: KafkaSettings, mint: Mint, clock: Callable[[], float] = time.monotonic) -> None:
        self._kafka: Final = kafka
        self._mint: Final = mint
        self._clock: Final = clock
        self._minting: Final = asyncio.Lock()
        self._token = IssuedToken("", 0.0)
        self._renew_at = self._ends_at = self._again_at = 0.0
        self._pause = FIRST_PAUSE
        self._fault = ""

    async def token(self) -> str:
        """Return a token. Raises `TurnedAway` with a sentence where there is none, and cannot be now."""
        if self._clock() >= self._renew_at:
            async with self._minting:
                now = self._clock()
                if now >= self._renew_at and now >= self._again_at:
                    await self._renew()
        if self._clock() >= self._ends_at:
            raise TurnedAway(self._fault or "the issuer gives tokens that have ended already: compare the clocks")
        return self._token.value

    def extensions(self) -> dict[str, str]:
        """Return what goes to the broker beside the token."""
        return dict(self._kafka.sasl_oauth_extensions or {})

    async def _renew(self) -> None:
        began = self._clock()  # what a token lives counts from before it was asked for
        try:
            self._token = await self._mint(self._kafka)
        except NotMinted as failed:
            self._again_at = self._clock() + self._pause
            if str(failed) != self._fault:
                left = max(0.0, self._ends_at - self._clock())
                _log.warning("token_not_renewed", reason=str(failed), seconds_left=round(left))
            self._fault, self._pause = str(failed), min(self._pause * 2, LONGEST_PAUSE)
            return
        self._fault, self._pause = "", FIRST_PAUSE
        self._ends_at = began + self._token.life
        self._renew_at = began + self._token.life * RENEWED_AFTER


_shared: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, list[tuple[KafkaSettings, SharedTokens]]]] = (
    WeakKeyDictionary()
)
"""By event loop: a process has one, tests have many."""


def tokens_of(kafka: KafkaSettings) -> SharedTokens | None:
    """Return where clients with these settings get their tokens, one for all of them; None where they need none."""
    if kafka.sasl_mechanism not in ("OAUTHBEARER", "AWS_MSK_IAM"):
        return None
    known = _shared.setdefault(asyncio.get_running_loop(), [])
    for settings, tokens in known:
        if settings == kafka:
            return tokens
    made = SharedTokens(kafka, mint_token if kafka.sasl_mechanism == "OAUTHBEARER" else mint_msk_token)
    known.append((kafka, made))
    return made
