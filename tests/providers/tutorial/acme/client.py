"""Step 7. How Acme is called: sign requests, judge answers. Pure: the poller sends, waits and tries again."""

from typing import Final
from urllib.parse import quote

from msgspec.structs import replace

from headrace.sdk.faults import Fault
from headrace.sdk.feed import Answer, Call, Quota, Tokens
from headrace.sdk.http_status import judge
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import Tenant
from headrace.sdk.settings import settings_of
from tests.providers.tutorial.acme.settings import BASE_URL, AcmeSettings
from tests.providers.tutorial.acme.wire import EVENT

EVENTS: Final = "/events"
LIMITS: Final = CallLimits(per_window=60, window=60)
"""What a platform publishes, with the link to the page that says so."""


class AcmeClient:
    """The calls of one tenant."""

    tokens: Tokens | None = None

    def __init__(self, settings: AcmeSettings, api_key: str) -> None:
        self.base_url = settings.base_url or BASE_URL
        self.limits = settings.budget.over(LIMITS)
        self._headers: Final = (("Authorization", f"Bearer {api_key}"),)

    def sign(self, call: Call, token: str | None) -> Call:  # noqa: ARG002  (keys need no tokens)
        """Add the API key."""
        return replace(call, headers=(*call.headers, *self._headers))

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """Judge by the rules that all platforms share; a platform with rules of its own asks them first."""
        return judge(answer, now)

    def quota(self, answer: Answer, now: float) -> Quota | None:  # noqa: ARG002  (Acme does not say)
        """Return None: there are no such headers."""
        return None


def client(settings: Tenant) -> AcmeClient | None:
    """Return how to call with the API key, None without one."""
    own = settings_of(settings, AcmeSettings)
    return AcmeClient(own, own.api_key) if own.api_key else None


def single(settings: Tenant, resource: str, id: str) -> tuple[Call, ...]:  # noqa: A002, ARG001  (the contract's)
    """Return the call that brings one event, for `headrace fetch`."""
    return (Call(path=f"{EVENTS}/{quote(id, safe='')}"),) if resource == EVENT else ()
