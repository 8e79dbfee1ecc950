"""Access tokens, where a platform hands them out against a refresh token that it changes each time.

A mint in its order, so that a crash anywhere loses no token that can still be had:
1. the intent is stored: from then on nobody who was replaced can mint,
2. the platform is asked,
3. the new refresh token is sealed and stored, with the one that was used for it,
4. only now anything of the answer is used.
After a crash between 2 and 3 the token that was used is tried again, then the one before it, then the configured one.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec
import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct
from msgspec.structs import replace

from headrace.poller.rate_limiter import RateLimiter
from headrace.records.cursors import SealedTokens
from headrace.sdk.faults import Denied, Gone, Rejected, Unavailable
from headrace.sdk.feed import Tokens

EARLY: Final = 60.0
"""Seconds before its end that an access token is renewed: a call takes no longer."""

_log = structlog.get_logger()


class CannotOpen(Exception):  # noqa: N818  (what happened; the text is for the operator)
    """What was sealed does not open with this key."""


class TokenSecrets(Struct, frozen=True):
    """The tokens of a tenant: `refresh` is to be used next, `previous` was used before it.

    `first` is the refresh token of the configuration that all of them stem from.
    """

    refresh: str
    previous: str
    first: str
    access: str = ""


class TokenSealer:
    """Seals with the first key of `keys` (one a line), and opens with any."""

    def __init__(self, keys: str) -> None:
        self._fernet: Final = MultiFernet([_fernet(key) for key in keys.splitlines()])

    def seal(self, secrets: TokenSecrets) -> str:
        """Seal tokens."""
        return self._fernet.encrypt(msgspec.json.encode(secrets)).decode()

    def open(self, sealed: str) -> TokenSecrets:
        """Open what was sealed. Raises `CannotOpen`."""
        try:
            return msgspec.json.decode(self._fernet.decrypt(sealed), type=TokenSecrets)
        except (InvalidToken, msgspec.DecodeError) as error:
            raise CannotOpen("the tokens kept in Kafka were sealed with another token_key") from error


def _fernet(key: str) -> Fernet:
    """Make a key of any text that is long enough: Fernet wants exactly 32 bytes."""
    return Fernet(urlsafe_b64encode(blake2b(key.encode(), digest_size=32, person=b"headrace-tokens").digest()))


class OAuthTokens:
    """The access token of one tenant, or none where its client signs without."""

    def __init__(
        self,
        gate: RateLimiter,
        key: str | None,
        kept: Callable[[], SealedTokens | None],
        keep: Callable[[SealedTokens], Awaitable[None]],
    ) -> None:
        self._gate: Final = gate
        self._tokens: Final[Tokens | None] = gate.client.tokens
        self._sealer: Final = TokenSealer(key) if key else None
        self._kept: Final = kept
        self._keep: Final = keep
        self._one: Final = asyncio.Lock()

    async def current(self) -> str | None:
        """Give an access token that holds for a while; None where none is needed. Raises `Fault`."""
        if self._tokens is None:
            return None
        async with self._one:
            access = self._access()
            return access or await self._mint(self._tokens)

    async def renew(self, denied: str | None) -> bool:
        """Replace a token that was denied; False where there are none to be had. Raises `Fault`."""
        if self._tokens is None:
            return False
        async with self._one:
            if self._access() in ("", denied):
                await self._mint(self._tokens)
        return True

    def _access(self) -> str:
        kept = self._kept()
        if kept is None or self._tokens is None or kept.expires / 1000 - EARLY <= self._gate.clock.now():
            return ""
        if _is_new(self._tokens, kept):
            return ""
        secrets = self._open(kept)
        return secrets.access if secrets.first == self._tokens.first else ""

    def _open(self, kept: SealedTokens) -> TokenSecrets:
        try:
            return self._sealing().open(kept.sealed)
        except CannotOpen as error:
            raise Denied(f"{error}: give the key that sealed them as a further line of token_key") from None

    def _sealing(self) -> TokenSealer:
        if self._sealer is None:
            raise Denied("token_key is missing: without it no token can be kept")
        return self._sealer

    async def _mint(self, tokens: Tokens) -> str:
        secrets = self._secrets(tokens)
        if secrets.first != tokens.first:  # the operator gave a new one: nothing of the old holds
            secrets = TokenSecrets(tokens.first, secrets.refresh, tokens.first)
        for refresh in _candidates(secrets):
            try:
                return await self._mint_with(tokens, secrets, refresh)
            except (Denied, Gone, Rejected) as fault:
                _log.warning("refresh_token_refused", source="/".join(("", *self._gate.whose)), reason=str(fault))
        raise Denied("every refresh token was refused: authorize anew and configure the refresh token you get")

    def _secrets(self, tokens: Tokens) -> TokenSecrets:
        """Give what was kept; with a new refresh token the operator needs no key that was lost."""
        kept = self._kept()
        if kept is None:
            return TokenSecrets(tokens.first, "", tokens.first)
        try:
            return self._open(kept)
        except Denied:
            if not _is_new(tokens, kept):
                raise
            return TokenSecrets(tokens.first, "", tokens.first)

    async def _mint_with(self, tokens: Tokens, secrets: TokenSecrets, refresh: str) -> str:
        before = self._kept() or SealedTokens("", stem=_stem(tokens))
        now, last = self._gate.clock.now(), max(before.intent, before.minted) / 1000
        await asyncio.sleep(min(max(0.0, last + tokens.pause - now), tokens.pause))
        intent = int(self._gate.clock.now() * 1000)
        sealed = before.sealed or self._sealing().seal(secrets)
        await self._keep(replace(before, sealed=sealed, intent=intent))
        body = await self._gate.ask(tokens.mint(refresh))
        minted = int(self._gate.clock.now() * 1000)
        try:
            access, following, seconds = tokens.minted(body)
        except Exception as error:  # noqa: BLE001  (whatever a provider makes of an answer that is none)
            raise Unavailable(f"the answer holds no token: {type(error).__name__}") from None
        told = TokenSecrets(following, refresh, tokens.first, access)
        expires = minted + int(seconds * 1000)
        await self._keep(SealedTokens(self._sealing().seal(told), minted, expires, intent, _stem(tokens)))
        self._gate.metrics.token(*self._gate.whose, expires / 1000)
        return access


def _stem(tokens: Tokens) -> str:
    return blake2b(tokens.first.encode(), digest_size=8, person=b"headrace-stem").hexdigest()


def _is_new(tokens: Tokens, kept: SealedTokens) -> bool:
    return bool(kept.stem) and kept.stem != _stem(tokens)


def _candidates(secrets: TokenSecrets) -> Iterator[str]:
    """Give the refresh tokens to try, each once."""
    yield from dict.fromkeys(token for token in (secrets.refresh, secrets.previous, secrets.first) if token)
