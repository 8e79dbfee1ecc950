"""How LeadPing is called: an organization's API key as a bearer token, errors by RFC 9457.

Reference: https://leadping.ai/docs/api-reference.
"""

from typing import Final
from urllib.parse import quote

from msgspec.structs import replace

from headrace.providers.leadping.settings import BASE_URL, LeadPingSettings
from headrace.sdk.faults import Fault
from headrace.sdk.feed import Answer, Call, Quota, Tokens
from headrace.sdk.http_status import judge
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import Tenant
from headrace.sdk.settings import settings_of

LIMITS: Final = CallLimits(per_window=300, window=60)
"""300 requests a minute, of the whole organization: https://leadping.ai/docs/rate-limits"""

DETAILS: Final = ("/events/{}/detail", "/events/detail/{}")
"""Where details are: in the generation of the API reference, and in newer ones (the vendor's SDKs,
https://github.com/leadpingai)."""
CALLS: Final = "/events/calls/{}"


class LeadPingClient:
    """The calls of one tenant. 429 may come without Retry-After, and no header says what is left."""

    tokens: Tokens | None = None

    def __init__(self, settings: LeadPingSettings, api_key: str) -> None:
        self.base_url = settings.base_url or BASE_URL
        self.limits = settings.budget.over(LIMITS)
        self._headers: Final = (("Accept", "application/json"), ("Authorization", f"Bearer {api_key}"))

    def sign(self, call: Call, token: str | None) -> Call:  # noqa: ARG002  (keys need no tokens)
        """Add the API key."""
        typed = (("Content-Type", "application/json"),) if call.method == "POST" else ()
        return replace(call, headers=(*call.headers, *typed, *self._headers))

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """Judge by the status alone: the problem's words are for people, and may quote the request."""
        return judge(answer, now)

    def quota(self, answer: Answer, now: float) -> Quota | None:  # noqa: ARG002  (LeadPing does not say)
        """Return None: there are no such headers."""
        return None


def client(settings: Tenant) -> LeadPingClient | None:
    """Return how to call with the organization's API key, None without one."""
    own = settings_of(settings, LeadPingSettings)
    return LeadPingClient(own, own.api_key) if own.api_key else None


def single(settings: Tenant, resource: str, id: str) -> tuple[Call, ...]:  # noqa: A002, ARG001  (the contract's)
    """Return the calls that bring one record: events have a detail, calls a record of their own."""
    match resource:
        case "activity":
            return tuple(Call(path=at(path, id)) for path in DETAILS)
        case "call":
            return (Call(path=at(CALLS, id)),)
        case _:
            return ()


def at(path: str, id: str) -> str:  # noqa: A002  (the design's word)
    """Return a path with an id in it, whatever that is made of."""
    return path.format(quote(id, safe=""))
