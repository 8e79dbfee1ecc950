"""Outreach's OAuth: access tokens that end, refresh tokens of which each gives one new one, a minute between two mints.

What becomes of an old refresh token is said in three ways by those who use it; `Old` has all of them.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Final, Literal

from msgspec import Struct

from headrace_demo.simulators.api_call import ApiError
from headrace_demo.simulators.clock import DAY

Old = Literal["dies", "dies_on_use", "lives"]
"""An old refresh token dies when a new one is given, or when the new access token is first used, or lives on."""

_ACTIVE: Final = 100


class Terms(Struct, kw_only=True):
    """What tokens are worth: seconds, and calls where `calls` is not 0; `mint_every` seconds lie between two mints.

    `reuse_revokes`: a refresh token that is dead and comes again ends all tokens, as RFC 9700 recommends (4.14.2).
    """

    lives: float = 7200.0
    calls: int = 0
    refresh_lives: float = 14 * DAY
    mint_every: float = 60.0
    old: Old = "dies"
    reuse_revokes: bool = False


class TooSoon(Exception):  # noqa: N818  (an answer, not a fault of ours)
    """A mint within the minute after the last one: `wait` is in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"wait {wait} s")
        self.wait = wait


class _Access(Struct):
    ends: float
    calls: int
    replaces: str


class Tokens:
    """The tokens of one user and app.

    `minted` counts access tokens, `too_soon` the mints that were refused for haste, `reused` those that came with a
    refresh token that was dead: one careful writer leaves both at 0. `static` are tokens that never end.
    """

    client_id: str = "invented-client"
    client_secret: str = "invented-client-secret"  # noqa: S105  (of nobody)
    redirect_uri: str = "https://headrace.example.com/callback"

    def __init__(self, wall: Callable[[], float], *static: str) -> None:
        self.terms: Terms = Terms()
        self.static: Final = set(static)
        self.minted = 0
        self.too_soon = 0
        self.reused = 0
        self._wall: Final = wall
        self._access: Final[dict[str, _Access]] = {}
        self._refresh: Final[dict[str, float]] = {}
        self._granted: Final[set[str]] = set()
        self._last_mint = float("-inf")
        self.refresh_token: str = self._new_refresh()
        """The newest refresh token: before anything was minted, the one to configure."""

    def settings(self) -> dict[str, object]:
        """Return the keys of a tenant that has no static token: the app's, and the newest refresh token."""
        app = {"client_id": self.client_id, "client_secret": self.client_secret, "redirect_uri": self.redirect_uri}
        return {**app, "refresh_token": self.refresh_token}

    def end_all(self) -> None:
        """Let every access token end now."""
        self._access.clear()

    def mint(self, form: Mapping[str, object]) -> dict[str, object]:
        """Answer a refresh. Raises `ApiError` or `TooSoon`."""
        now = self._wall()
        expected = (self.client_id, self.client_secret, self.redirect_uri)
        if tuple(form.get(name) for name in ("client_id", "client_secret", "redirect_uri")) != expected:
            raise ApiError(401, "invalid_client", "oauth")
        if form.get("grant_type") != "refresh_token":
            raise ApiError(400, "unsupported_grant_type", "oauth")
        old = str(form.get("refresh_token"))
        if self._refresh.get(old, 0.0) <= now:
            self.reused += 1
            if self.terms.reuse_revokes and old in self._granted:
                self.end_all()
                self._refresh.clear()
            raise ApiError(400, "invalid_grant", "oauth")
        if now < self._last_mint + self.terms.mint_every:
            self.too_soon += 1
            raise TooSoon(self._last_mint + self.terms.mint_every - now)
        return self._mint(old, now)

    def _mint(self, old: str, now: float) -> dict[str, object]:
        self._last_mint = now
        self.minted += 1
        access = secrets.token_hex(16)
        self._access[access] = _Access(now + self.terms.lives, self.terms.calls, old)
        self.refresh_token = self._new_refresh()
        if self.terms.old == "dies":
            self._refresh.pop(old, None)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(self.terms.lives),
            "refresh_token": self.refresh_token,
            "scope": "events.read",
            "created_at": int(now),
        }

    def accepts(self, token: str) -> bool:
        """Return whether an access token is good for one more call, and count it."""
        if token in self.static:
            return True
        access = self._access.get(token)
        if access is None or access.ends <= self._wall():
            return False
        if self.terms.calls:
            if access.calls == 0:
                return False
            access.calls -= 1
        if self.terms.old == "dies_on_use":
            self._refresh.pop(access.replaces, None)
        return True

    def _new_refresh(self) -> str:
        token = secrets.token_hex(16)
        self._granted.add(token)
        self._refresh[token] = self._wall() + self.terms.refresh_lives
        while len(self._refresh) > _ACTIVE:
            del self._refresh[next(iter(self._refresh))]
        return token
