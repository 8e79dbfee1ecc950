"""Webhooks of one account at Outreach: one pair of resource and action each.

https://developers.outreach.io/api/webhooks
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from headrace.providers.outreach.settings import OutreachSettings
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import Call
from headrace.sdk.hooks import HookPage, RegisteredHook, WantedHook
from headrace.sdk.provider import Tenant
from headrace.sdk.settings import settings_of

WEBHOOKS: Final = "/api/v2/webhooks"
PAYLOAD_VERSION: Final = 2
"""With the values before a change."""
_PAGE_SIZE: Final = 1_000


class _OutreachHookAttributes(Struct, frozen=True, rename="camel"):
    """`secret` is left out on purpose: some answers repeat it."""

    action: str = ""
    resource: str = ""
    url: str = ""
    active: bool | None = True
    disabled_reason: str | None = None
    disabled_since: str | None = None


class _OutreachHook(Struct):
    id: int | str
    attributes: _OutreachHookAttributes = _OutreachHookAttributes()


class _OutreachHookLinks(Struct):
    next: str | None = None


class _OutreachHookList(Struct):
    data: list[_OutreachHook]
    links: _OutreachHookLinks | None = None


class _OutreachHookMade(Struct):
    data: _OutreachHook


_list: Final = msgspec.json.Decoder(_OutreachHookList).decode
_made: Final = msgspec.json.Decoder(_OutreachHookMade).decode


class OutreachHooks:
    """See HookApi."""

    def __init__(self, settings: OutreachSettings, url: str) -> None:
        self.wanted: Sequence[WantedHook] = [WantedHook(each, url) for each in dict.fromkeys(settings.hooks)]

    def listing(self) -> Call:
        """See HookApi."""
        return Call(path=WEBHOOKS, query=(("page[size]", str(_PAGE_SIZE)),))

    def listed(self, call: Call, body: bytes) -> HookPage:  # noqa: ARG002  (the answer says what follows)
        """See HookApi."""
        try:
            page = _list(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Unavailable("an answer came that lists no webhooks") from None
        following = page.links.next if page.links else None
        return HookPage([_registered(each) for each in page.data], Call(path=following) if following else None)

    def create(self, wanted: WantedHook, secret: str) -> Call:
        """See HookApi."""
        resource, _, action = wanted.tells.partition(".")
        attributes: dict[str, object] = {"resource": resource, "action": action, "url": wanted.url, "secret": secret}
        attributes |= {"payloadVersion": PAYLOAD_VERSION, "active": True}
        body = msgspec.json.encode({"data": {"type": "webhook", "attributes": attributes}})
        return Call(path=WEBHOOKS, method="POST", body=body)

    def created(self, body: bytes) -> str:
        """See HookApi."""
        try:
            return str(_made(body).data.id)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""

    def delete(self, id: str) -> Call:  # noqa: A002  (the design's word)
        """See HookApi."""
        return Call(path=f"{WEBHOOKS}/{quote(id, safe='')}", method="DELETE")


def hooks(settings: Tenant, url: str) -> OutreachHooks:
    """Return how webhooks are registered."""
    return OutreachHooks(settings_of(settings, OutreachSettings), url)


def _registered(found: _OutreachHook) -> RegisteredHook:
    """Return a webhook; what its platform switched off says since when, and mostly why."""
    there = found.attributes
    off = bool(there.disabled_reason or there.disabled_since)
    reason = there.disabled_reason or "the platform disabled it" if off else "it is not active"
    enabled = there.active is not False and not off
    tells = f"{there.resource}.{there.action}"
    return RegisteredHook(str(found.id), there.url, tells, enabled, "" if enabled else reason)
