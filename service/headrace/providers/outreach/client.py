"""How Outreach is called: a bearer token, given or minted by OAuth, JSON:API errors, quota headers on every answer."""

import re
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.providers.outreach.settings import BASE_URL, Settings
from headrace.sdk.faults import Denied, Fault, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call, Quota, Tokens
from headrace.sdk.http_status import judge
from headrace.sdk.limits import CallLimits
from headrace.sdk.retry_after import retry_after

EVENTS: Final = "/api/v2/events"
LIMITS: Final = CallLimits(per_window=10_000, window=3600)
"""Published, for each user. Plans have a limit a year beside it (250,000 in the smallest): `budget` has room for it."""

_TYPE: Final = "application/vnd.api+json"
_MINT: Final = "/oauth/token"
_PAUSE: Final = 61.0
"""Published: one access token a minute for each user and app. A second more, for we know only when we began to ask."""
_WORD: Final = re.compile(r"[A-Za-z_]{1,40}")
_TOO_HEAVY: Final = frozenset({500, 502, 504})
_NO_ROUTE: Final = "routeNotFound"
_THROTTLED: Final = 429


class _Error(Struct):
    id: str | None = None


class _Said(Struct):
    errors: list[_Error] = []
    error: str | None = None
    """OAuth's form."""


class _Minted(Struct):
    access_token: str
    refresh_token: str
    expires_in: float


_said: Final = msgspec.json.Decoder(_Said).decode
_minted: Final = msgspec.json.Decoder(_Minted, strict=False).decode


class OAuth:
    """Access tokens against refresh tokens, of which each is good for one more pair."""

    pause: float = _PAUSE

    def __init__(self, client_id: str, client_secret: str, redirect_uri: str, refresh_token: str) -> None:
        self.first = refresh_token
        self._app: Final = (("client_id", client_id), ("client_secret", client_secret), ("redirect_uri", redirect_uri))

    def mint(self, refresh: str) -> Call:
        """Ask for a new pair, as a form."""
        form = urlencode((*self._app, ("grant_type", "refresh_token"), ("refresh_token", refresh)))
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
        return Call(path=_MINT, method="POST", headers=headers, body=form.encode())

    def minted(self, body: bytes) -> tuple[str, str, float]:
        """Read a pair. Raises `Unavailable` where it is none."""
        try:
            pair = _minted(body)
        except msgspec.DecodeError:
            raise Unavailable("an answer came that has no tokens in it") from None
        return pair.access_token, pair.refresh_token, pair.expires_in


class Client:
    """The calls of one tenant."""

    def __init__(self, settings: Settings, token: str | None, tokens: Tokens | None) -> None:
        self.base_url = settings.base_url or BASE_URL
        self.limits = settings.budget.over(LIMITS)
        self.tokens = tokens
        self._token: Final = token

    def sign(self, call: Call, token: str | None) -> Call:
        """Add the token that was minted, or the one that was given. A call that has its own headers keeps them."""
        named = {name.lower() for name, _ in call.headers}
        typed = [(name, _TYPE) for name in ("Accept", "Content-Type") if name.lower() not in named]
        bearer = token or self._token
        signed = [("Authorization", f"Bearer {bearer}")] if bearer else []
        return replace(call, headers=(*call.headers, *typed, *signed))

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """Go by the status, and by the name of the error where it has one; a 401 may be plain text.

        403 is Denied whether a scope is missing or a token ended in mid-run: the names do not tell these apart. 500
        and 502 are what a query gets that asks for too much.
        """
        told = f"the platform answered {answer.status}"
        word = _word(answer.body)
        if answer.status in _TOO_HEAVY:
            return TooHeavy(told)
        if word == _NO_ROUTE:
            return Rejected(f"{told} ({word}): look whether base_url is right")
        if word and word.startswith("invalid_"):  # OAuth: invalid_grant, invalid_client
            return Denied(f"{told} ({word})")
        fault = judge(answer, now, word)
        if isinstance(fault, Throttled) and fault.wait is None:
            return Throttled(str(fault), retry_after(answer.headers.get("x-ratelimit-reset"), now))
        return fault

    def quota(self, answer: Answer, now: float) -> Quota | None:
        """Read what is left of the hour. Of two numbers the first is the user's; what the second is, nobody says."""
        left = answer.headers.get("x-ratelimit-remaining", "").partition(",")[0].strip()
        wait = retry_after(answer.headers.get("x-ratelimit-reset"), now)
        return Quota(int(left), now + wait) if left.isascii() and left.isdigit() and wait is not None else None


def client(settings: Settings) -> Client | None:
    """Give how to call, None without credentials."""
    if settings.access_token:
        return Client(settings, settings.access_token, None)
    app = settings.client_id, settings.client_secret, settings.redirect_uri, settings.refresh_token
    if None in app:
        return None
    return Client(settings, None, OAuth(*(part or "" for part in app)))


def _word(body: bytes) -> str:
    """Give the name of an error where it is a plain word; all else in an error may quote what was sent."""
    try:
        said = _said(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    word = said.error or next((error.id for error in said.errors if error.id), "")
    return word if word and _WORD.fullmatch(word) else ""
