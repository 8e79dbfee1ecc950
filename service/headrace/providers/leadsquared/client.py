"""How LeadSquared is called: a user's two keys, and errors that hide behind HTTP 500 or 200."""

import re
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.providers.leadsquared.settings import BASE_URL, Settings
from headrace.sdk.faults import Denied, Fault, Gone, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call, Quota, Tokens
from headrace.sdk.http_status import judge
from headrace.sdk.limits import CallLimits
from headrace.sdk.retry_after import retry_after

LIMITS: Final = CallLimits(per_window=10, window=5, per_day=10_000)
"""The smallest of the published limits of plans with an API for sale (25 in 5 s is the largest, 10,000 a day the
smallest): they hold for the whole account, so other programs of the customer share them."""

_SPECIAL: Final = re.compile(r"MX[A-Za-z]+Exception")
"""An exception with a name of its own is about the question; `MXException` may be anything."""
_ERROR: Final = "error"
_FAILED: Final = 500


class _Said(Struct, rename="pascal"):
    status: str | None = None
    exception_type: str | None = None


_said: Final = msgspec.json.Decoder(_Said).decode


class Client:
    """The calls of one tenant. Nothing tells what is left of the limit."""

    tokens: Tokens | None = None

    def __init__(self, settings: Settings, access_key: str, secret_key: str) -> None:
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
        """Go by the name of the exception before the status.

        Permanent errors of input come as HTTP 500, others as HTTP 200 with `Status` Error. A 500 without a name of
        its own may be a page that was too much. The message is not repeated: it may quote what was asked.
        """
        said = _read(answer.body)
        kind = (said.exception_type if said else None) or ""
        if _SPECIAL.fullmatch(kind):
            return _judge_exception(kind, answer, now)
        told = f"the platform answered {answer.status} without a reason"
        if answer.status == _FAILED:
            return TooHeavy(told)
        fault = judge(answer, now)
        if isinstance(fault, Gone):  # the reference: 404 is a method that does not exist
            return Rejected(f"{fault}: look whether base_url is right")
        if fault is None and said and (said.status or "").casefold() == _ERROR:
            return Unavailable(told)
        return fault

    def quota(self, answer: Answer, now: float) -> Quota | None:  # noqa: ARG002  (LeadSquared does not say)
        """Say nothing: there are no such headers."""
        return None


def _judge_exception(kind: str, answer: Answer, now: float) -> Fault:
    told = f"the platform answered {answer.status} ({kind})"
    if "Throttle" in kind:
        return Throttled(told, retry_after(answer.headers.get("retry-after"), now))
    if "authenti" in kind.lower() or "authoriz" in kind.lower():
        return Denied(told)
    return Gone(told) if "NotFound" in kind else Rejected(told)


def _read(body: bytes) -> _Said | None:
    try:
        return _said(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
