"""Webhooks of LeadPing are actions of automations that a person builds: there are no calls for them.

https://leadping.ai/docs/webhooks
"""

from collections.abc import Iterator
from typing import Final

from headrace.providers.leadping.settings import LeadPingSettings
from headrace.sdk.hooks import HooksByHand
from headrace.sdk.provider import Tenant
from headrace.sdk.settings import settings_of

_MODES: Final = {
    "signature": "choose the mode signature, and put the secret that LeadPing shows (whsec_…) into webhook_secrets",
    "bearer": "choose the mode bearer token, with one of this tenant's webhook_secrets as the token",
    "header": "choose the mode custom header: {header}, with one of this tenant's webhook_secrets as its value",
    "none": "choose the mode none: whoever knows the URL can deliver then",
}


def hooks(settings: Tenant, url: str) -> HooksByHand:
    """Return what a person does in LeadPing."""
    return HooksByHand(tuple(_steps(settings_of(settings, LeadPingSettings), url)))


def _steps(settings: LeadPingSettings, url: str) -> Iterator[str]:
    yield "in LeadPing, build an automation for each kind of event, with the action webhook"
    yield f"let it post to {url}"
    yield _MODES[settings.webhook_mode].format(header=settings.webhook_header)
    place = settings.webhook_event or "/event"
    yield f"let its template carry the event at {place}: its id and leadId at least, its row where it can"
