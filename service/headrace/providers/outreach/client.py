"""How Outreach is called: a bearer token, configured or minted by OAuth, JSON:API errors, quota headers.

Reference: https://developers.outreach.io/api/getting-started.
"""

import re
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.providers.outreach.settings import BASE_URL, OutreachSettings
from headrace.providers.outreach.wire import EVENT
from headrace.sdk.faults import Denied, Fault, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call, Quota, Tokens
from headrace.sdk.http_status import judge, no_route
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import Tenant
from headrace.sdk.retry_after import retry_after
from headrace.sdk.settings import settings_of

EVENTS: Final = "/api/v2/events"
LIMITS: Final = CallLimits(per_window=10_000, window=3600)
"""For each user: https://developers.outreach.io/api/getting-started#rate-limiting. Plans have a limit a year beside it
(250,000 in the smallest): `budget` has room for it."""

_TYPE: Final = "application/vnd.api+json"
_MINT: Final = "/oauth/token"
_PAUSE_SECONDS: Final = 61.0
"""One access token a minute for each user and app, https://developers.outreach.io/api/getting-started#token-availability:
and a second more, for we know only when we began to ask."""
_WORD: Final = re.compile(r"[A-Za-z_]{1,40}")
_TOO_HEAVY: Final = frozenset({500, 502, 504})
_NO_ROUTE: Final = "routeNotFound"
_THROTTLED: Final = 429


class _OutreachError(Struct):
    id: str | None = None


class _OutreachErrors(Struct):
    errors: list[_OutreachError] = []
    error: str | None = None
    """OAuth's form."""


class _Minted(Struct):
    access_token: str
    refresh_token: str
    expires_in: float


_errors: Final = msgspec.json.Decoder(_OutreachErrors).decode
_minted: Final = msgspec.json.Decoder(_Minted, strict=False).decode


class OAuth:
    """Access tokens against refresh tokens, of which each is good for one more pair."""

    pause: float = _PAUSE_SECONDS

    def __init__(self, client_id: str, client_secret: str, redirect_uri: str, refresh_token: str) -> None:
        self.first = refresh_token
        self._app: Final = (("client_id", client_id), ("client_secret", client_secret), ("redirect_uri", redirect_uri))

    def mint(self, refresh: str) -> Call:
        """Return the call for a new pair, as a form."""
        form = urlencode((*self._app, ("grant_type", "refresh_token"), ("refresh_token", refresh)))
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
        return Call(path=_MINT, method="POST", headers=headers, body=form.encode())

    def minted(self, body: bytes) -> tuple[str, str, float]:
        """Return the tokens of an answer. Raises `Unavailable` where it is none."""
        try:
            pair = _minted(body)
        except msgspec.DecodeError:
            raise Unavailable("an answer came that has no tokens in it") from None
        return pair.access_token, pair.refresh_token, pair.expires_in


class OutreachClient:
    """The calls of one tenant."""

    def __init__(self, settings: OutreachSettings, token: str | None, tokens: Tokens | None) -> None:
        self.base_url = settings.base_url or BASE_URL
        self.limits = settings.budget.over(LIMITS)
        self.tokens = tokens
        self._token: Final = token

    def sign(self, call: Call, token: str | None) -> Call:
        """Add the token that was minted, or the configured one. A call that has its own headers keeps them."""
        named = {name.lower() for name, _ in call.headers}
        typed = [(name, _TYPE) for name in ("Accept", "Content-Type") if name.lower() not in named]
        bearer = token or self._token
        signed = [("Authorization", f"Bearer {bearer}")] if bearer else []
        return replace(call, headers=(*call.headers, *typed, *signed))

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """Judge by the status, and by the name of the error where it has one; a 401 may be plain text.

        403 is Denied whether a scope is missing or a token ended in mid-run: the names do not tell these apart
        (https://github.com/airbytehq/airbyte/issues/70223). 500 and 502 are what a query gets that asks for too much
        (source-outreach of https://github.com/estuary/connectors).
        """
        sentence = f"the platform answered {answer.status}"
        word = _word(answer.body)
        if answer.status in _TOO_HEAVY:
            return TooHeavy(sentence)
        if word == _NO_ROUTE:
            return no_route(f"{sentence} ({word})")
        if word and word.startswith("invalid_"):  # OAuth: invalid_grant, invalid_client
            return Denied(f"{sentence} ({word})")
        fault = judge(answer, now, word)
        if isinstance(fault, Throttled) and fault.wait is None:
            return Throttled(str(fault), retry_after(answer.headers.get("x-ratelimit-reset"), now))
        return fault

    def quota(self, answer: Answer, now: float) -> Quota | None:
        """Return what is left of the hour. Of two numbers the first is the user's, the second is not documented.

        Two numbers were seen by tap-outreach, https://github.com/singer-io/tap-outreach.
        """
        left = answer.headers.get("x-ratelimit-remaining", "").partition(",")[0].strip()
        wait = retry_after(answer.headers.get("x-ratelimit-reset"), now)
        return Quota(int(left), now + wait) if left.isascii() and left.isdigit() and wait is not None else None


def client(settings: Tenant) -> OutreachClient | None:
    """Return how to call with the configured token or with those that OAuth hands out, None without credentials."""
    own = settings_of(settings, OutreachSettings)
    if own.access_token:
        return OutreachClient(own, own.access_token, None)
    app = own.client_id, own.client_secret, own.redirect_uri, own.refresh_token
    if None in app:
        return None
    return OutreachClient(own, None, OAuth(*(part or "" for part in app)))


def single(settings: Tenant, resource: str, id: str) -> tuple[Call, ...]:  # noqa: A002, ARG001  (the contract's)
    """Return the call that brings one event; the records behind webhooks are no events."""
    return (event_call(id),) if resource == EVENT else ()


def event_call(event: str) -> Call:
    """Return the call that brings one event."""
    return Call(path=f"{EVENTS}/{quote(event, safe='')}")


def _word(body: bytes) -> str:
    """Return the name of an error where it is a plain word; all else in an error may quote the request."""
    try:
        found = _errors(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    word = found.error or next((error.id for error in found.errors if error.id), "")
    return word if word and _WORD.fullmatch(word) else ""
