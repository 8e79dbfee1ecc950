"""How LeadSquared is called: a user's two keys, and errors that hide behind HTTP 500 or 200.

Reference: https://apidocs.leadsquared.com. What it leaves out was seen on live accounts in 2026 (README.md).
"""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from headrace.providers.leadsquared.settings import BASE_URL, LeadSquaredSettings
from headrace.sdk.faults import Denied, Fault, Gone, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call, Quota, Tokens
from headrace.sdk.http_status import judge, no_route
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import Tenant
from headrace.sdk.retry_after import retry_after
from headrace.sdk.settings import settings_of

LIMITS: Final = CallLimits(per_window=10, window=5, per_day=10_000)
"""The smallest of the published limits of plans with an API for sale (25 in 5 s is the largest, 10,000 a day the
smallest): they hold for the whole account, so other programs of the customer share them."""

_SPECIAL: Final = re.compile(r"MX[A-Za-z]{1,80}Exception")
"""An exception with a name of its own says what it is about; `MXException` may be anything."""
_TOO_MANY: Final = re.compile(r"throttl|ratelimit|toomany", re.IGNORECASE)
_QUESTION: Final = re.compile(
    r"invalid|duplicate|missing|required|malformed|notsupported|argument|parameter|validation", re.IGNORECASE
)
_SERVICE: Final = re.compile(
    r"unavailable|time(d)?out|internal|server|service|database|sql|deadlock|connection|network|gateway|maintenance"
    r"|overload|busy|temporar|unexpected|unhandled|unknown|system|infrastructure|retry",
    re.IGNORECASE,
)
_CREDENTIALS: Final = re.compile(
    r"authenti|authoriz|forbidden|accessdenied|permission|accesskey|secretkey", re.IGNORECASE
)
_NOT_FOUND: Final = re.compile(r"notfound", re.IGNORECASE)
"""What the names speak of: the platform's own are not listed anywhere, so they are told by their words."""
_ERROR: Final = "error"
_GOOD: Final = 200
_FAILED: Final = 500


class _LeadSquaredError(Struct, rename="pascal"):
    status: str | None = None
    exception_type: str | None = None


_error: Final = msgspec.json.Decoder(_LeadSquaredError).decode
_whole: Final = msgspec.json.Decoder(Raw).decode


class LeadSquaredClient:
    """The calls of one tenant. No header says what is left of the limit."""

    tokens: Tokens | None = None

    def __init__(self, settings: LeadSquaredSettings, access_key: str, secret_key: str) -> None:
        self.base_url = settings.base_url or BASE_URL
        self.limits = settings.budget.over(LIMITS)
        in_url = settings.keys_in == "url"
        names = ("accessKey", "secretKey") if in_url else ("x-LSQ-AccessKey", "x-LSQ-SecretKey")
        keys = tuple(zip(names, (access_key, secret_key), strict=True))
        self._query: Final = keys if in_url else ()
        self._headers: Final = (("Content-Type", "application/json"), *(() if in_url else keys))

    def sign(self, call: Call, token: str | None) -> Call:  # noqa: ARG002  (keys need no tokens)
        """Add the keys."""
        return replace(call, query=(*call.query, *self._query), headers=(*call.headers, *self._headers))

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """Judge by the name of the exception before the status.

        Permanent errors of input come as HTTP 500, others as HTTP 200 with `Status` Error. A 500 without a name of
        its own may be a page that was too much. The message is not repeated: it may quote the request.
        """
        error = _read(answer.body)
        kind = (error.exception_type if error else None) or ""
        if _SPECIAL.fullmatch(kind):
            return _judge_exception(kind, answer, now)
        sentence = f"the platform answered {answer.status} without a reason"
        if answer.status == _FAILED:
            return TooHeavy(sentence)
        if answer.status == _GOOD and _is_list(answer.body):  # the catalogue of types is one
            return None
        fault = judge(answer, now)
        if isinstance(fault, Gone):  # the reference: 404 is a method that does not exist
            return no_route(str(fault))
        if fault is None and error and (error.status or "").casefold() == _ERROR:
            return Unavailable(sentence)
        return fault

    def quota(self, answer: Answer, now: float) -> Quota | None:  # noqa: ARG002  (LeadSquared does not say)
        """Return None: there are no such headers."""
        return None


def client(settings: Tenant) -> LeadSquaredClient | None:
    """Return how to call with a user's two keys, None without them."""
    own = settings_of(settings, LeadSquaredSettings)
    return LeadSquaredClient(own, own.access_key, own.secret_key) if own.access_key and own.secret_key else None


def single(settings: Tenant, resource: str, id: str) -> tuple[Call, ...]:  # noqa: A002, ARG001  (the contract's)
    """Return no call: none of the reference brings one activity with its code, lead and times."""
    return ()


def _judge_exception(kind: str, answer: Answer, now: float) -> Fault:
    """Judge by the words of a name; one that speaks of nothing known is no answer to the question."""
    sentence = f"the platform answered {answer.status} ({kind})"
    of_service = _SERVICE.search(kind) or answer.status > _FAILED
    if _TOO_MANY.search(kind):
        return Throttled(sentence, retry_after(answer.headers.get("retry-after"), now))
    if _CREDENTIALS.search(kind) and not of_service:
        return Denied(sentence)
    if _QUESTION.search(kind):
        return Rejected(sentence)
    return Gone(sentence) if _NOT_FOUND.search(kind) and not of_service else Unavailable(sentence)


def _is_list(body: bytes) -> bool:
    """Return whether a body is one whole JSON array."""
    try:
        return body.lstrip()[:1] == b"[" and bool(_whole(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _read(body: bytes) -> _LeadSquaredError | None:
    try:
        return _error(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
