"""OAuth access tokens of a platform that replaces the refresh token each time one is used.

The steps of a mint, in an order in which a crash anywhere loses no token that can still be had:
1. store the intent: from then on a replaced poller can no longer mint,
2. call the platform,
3. encrypt and store the new refresh token, with the one that was used for it,
4. only now use anything of the answer.
From 2 to 3 a cancellation waits, for `GRACE_SECONDS` at most: nobody else has the new tokens. Where `cursors` does not
take them, they are stored when this process has the tenant again, and nobody has minted since.

After a crash between 2 and 3 the token that was used is tried again, then the one before it, then the configured one.
That an answer was lost is all that allows it: a platform that sees an old token again may revoke the whole family
(https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2). Where it just says no, the newest one alone is tried again.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

import msgspec
import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Account
from headrace.poller.clock import Clock
from headrace.poller.finished import finished
from headrace.poller.metrics import PollerMetrics
from headrace.poller.platform_client import PlatformClient
from headrace.poller.rate_limiter import RateLimiter
from headrace.poller.state import TenantState
from headrace.poller.state_writer import StateWriter
from headrace.records.cursors import SealedTokens, entry
from headrace.sdk.faults import Denied, Gone, Rejected, Throttled, Unavailable
from headrace.sdk.feed import Tokens

EARLY_SECONDS: Final = 60.0
"""An access token is renewed so long before it expires: a call takes no longer."""

GRACE_SECONDS: Final = 3.0
"""How long a mint may go on once it is cancelled: revoked tasks have ten seconds in all."""
_REFUSALS: Final = (Denied, Gone, Rejected)

_log = structlog.get_logger()


class CannotOpen(Exception):  # noqa: N818  (what happened; the text is for the operator)
    """The sealed tokens do not open with this key."""


class TokenSecrets(Struct, frozen=True):
    """The tokens of a tenant: `refresh` is to be used next, `previous` was used before it.

    `first` is the configured refresh token that all of them stem from.
    """

    refresh: str
    previous: str
    first: str
    access: str = ""


class TokenSealer:
    """Encrypts what Kafka keeps of tokens with the first key of `keys` (one a line), and decrypts with any."""

    def __init__(self, keys: str) -> None:
        self._fernet: Final = MultiFernet([_fernet(key) for key in keys.splitlines()])

    def seal(self, secrets: TokenSecrets) -> str:
        """Return the tokens, encrypted."""
        return self._fernet.encrypt(msgspec.json.encode(secrets)).decode()

    def open(self, sealed: str) -> TokenSecrets:
        """Return the tokens, decrypted. Raises `CannotOpen`."""
        try:
            return msgspec.json.decode(self._fernet.decrypt(sealed), type=TokenSecrets)
        except (InvalidToken, msgspec.DecodeError) as error:
            raise CannotOpen("the tokens kept in Kafka were sealed with another token_key") from error


class OAuthTokens:
    """The access token of one tenant, or none where its client signs without."""

    def __init__(
        self,
        account: Account,
        client: PlatformClient,
        limiter: RateLimiter,
        *,
        clock: Clock,
        state: TenantState,
        writer: StateWriter,
        metrics: PollerMetrics,
    ) -> None:
        self._account: Final = account
        self._tokens: Final[Tokens | None] = client.api.tokens
        self._sealer: Final = TokenSealer(client.settings.token_key) if client.settings.token_key else None
        self._limiter: Final = limiter
        self._clock: Final = clock
        self._state: Final = state
        self._writer: Final = writer
        self._metrics: Final = metrics
        self._one: Final = asyncio.Lock()

    async def current(self) -> str | None:
        """Return an access token that holds for a while; None where none is needed. Raises `Fault`."""
        if self._tokens is None:
            return None
        async with self._one:
            await self._store_minted()
            access = self._access()
            return access or await self._mint(self._tokens)

    async def renew(self, denied: str | None) -> bool:
        """Replace a token that was denied; return False where this platform has no tokens. Raises `Fault`."""
        if self._tokens is None:
            return False
        async with self._one:
            if self._access() in ("", denied):
                await self._mint(self._tokens)
        return True

    def _access(self) -> str:
        """Return the stored access token, "" where it has expired or stems from another configured token."""
        stored = self._state.token
        if stored is None or self._tokens is None or stored.expires / 1000 - EARLY_SECONDS <= self._clock.now():
            return ""
        if _is_new(self._tokens, stored):
            return ""
        secrets = self._open(stored)
        return secrets.access if secrets.first == self._tokens.first else ""

    def _open(self, stored: SealedTokens) -> TokenSecrets:
        try:
            return self._sealing().open(stored.sealed)
        except CannotOpen as error:
            raise Denied(f"{error}: give the key that sealed them as a further line of token_key") from None

    def _sealing(self) -> TokenSealer:
        if self._sealer is None:
            raise Denied("token_key is missing: without it no token can be kept")
        return self._sealer

    async def _mint(self, tokens: Tokens) -> str:
        secrets = self._secrets(tokens)
        if secrets.first != tokens.first:  # the operator configured a new one: the old ones are void
            secrets = TokenSecrets(tokens.first, secrets.refresh, tokens.first)
        lost = self._state.token is not None and self._state.token.lost
        for refresh in _candidates(secrets) if lost else (secrets.refresh,):
            try:
                return await self._mint_with(tokens, secrets, refresh)
            except _REFUSALS as fault:
                _log.warning("refresh_token_refused", source=self._account.source, reason=str(fault))
        raise Denied("no refresh token was accepted: authorize anew and configure the refresh token you get")

    def _secrets(self, tokens: Tokens) -> TokenSecrets:
        """Return the stored tokens. Where a new refresh token was configured, a lost key does no harm."""
        stored = self._state.token
        if stored is None:
            return TokenSecrets(tokens.first, "", tokens.first)
        try:
            return self._open(stored)
        except Denied:
            if not _is_new(tokens, stored):
                raise
            return TokenSecrets(tokens.first, "", tokens.first)

    async def _mint_with(self, tokens: Tokens, secrets: TokenSecrets, refresh: str) -> str:
        # 1. store the intent
        before = self._state.token or SealedTokens("", stem=_stem(tokens))
        now, last = self._clock.now(), max(before.intent, before.minted) / 1000
        await asyncio.sleep(min(max(0.0, last + tokens.pause - now), tokens.pause))
        intent = max(int(self._clock.now() * 1000), 1 + max(before.intent, before.minted, before.refused))
        sealed = before.sealed or self._sealing().seal(secrets)
        await self._store(replace(before, sealed=sealed, intent=intent))
        return await finished(self._exchanged(tokens, refresh, intent), GRACE_SECONDS)

    async def _exchanged(self, tokens: Tokens, refresh: str, intent: int) -> str:
        # 2. call the platform
        try:
            body = await self._limiter.send(tokens.mint(refresh))
        except (*_REFUSALS, Throttled):
            await self._note_refusal(intent)
            raise
        minted = max(int(self._clock.now() * 1000), intent)
        try:
            access, following, seconds = tokens.minted(body)
        except Exception as error:  # noqa: BLE001  (whatever a provider makes of an answer that is none)
            raise Unavailable(f"the answer holds no token: {type(error).__name__}") from None
        # 3. store the new tokens
        sealed, expires = self._sealing().seal(TokenSecrets(following, refresh, tokens.first, access)), seconds * 1000
        self._state.minted = SealedTokens(sealed, minted, minted + int(expires), intent, _stem(tokens))
        await self._store_minted()
        # 4. use them
        self._metrics.token(self._account.provider.name, self._account.name, (minted + int(expires)) / 1000)
        return access

    async def _store_minted(self) -> None:
        """Store new tokens, unless somebody else has begun to mint since."""
        minted, stored = self._state.minted, self._state.token
        if minted is not None and stored is not None and stored.intent == minted.intent:
            await self._store(minted)
        self._state.minted = None

    async def _note_refusal(self, intent: int) -> None:
        if self._state.token is not None:
            await self._store(replace(self._state.token, refused=max(int(self._clock.now() * 1000), intent)))

    async def _store(self, tokens: SealedTokens) -> None:
        await self._writer.store([entry(self._account.source, tokens)])


def _fernet(key: str) -> Fernet:
    """Return a key made of any text that is long enough: Fernet wants exactly 32 bytes."""
    return Fernet(urlsafe_b64encode(blake2b(key.encode(), digest_size=32, person=b"headrace-tokens").digest()))


def _stem(tokens: Tokens) -> str:
    return blake2b(tokens.first.encode(), digest_size=8, person=b"headrace-stem").hexdigest()


def _is_new(tokens: Tokens, stored: SealedTokens) -> bool:
    """Return whether the configured refresh token is another than the one that the stored tokens stem from."""
    return bool(stored.stem) and stored.stem != _stem(tokens)


def _candidates(secrets: TokenSecrets) -> Iterator[str]:
    """Yield the refresh tokens to try, each once."""
    yield from dict.fromkeys(token for token in (secrets.refresh, secrets.previous, secrets.first) if token)
