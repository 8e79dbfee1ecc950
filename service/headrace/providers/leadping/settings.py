"""The shape of `[tenants.leadping.*]`."""

import base64
import binascii
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from headrace.core.contradiction import Contradiction
from headrace.core.units import Seconds
from headrace.providers.leadping.wire import FEED, TENANT_FEED
from headrace.sdk.ids import can_be_id
from headrace.sdk.settings import HeaderName, PolledTenant, check

BASE_URL: Final = "https://api.leadping.ai"
_PREFIX: Final = "whsec_"


class LeadEventsSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `lead-events` is read: `page_size` rows a page, each lead at most once in `every` unless something wakes it.

    Rows change in place and do not say when: those created within `look_back` before the last reading are looked at
    again, which costs one call where nothing changed. A message that is delivered later than that after it was
    created, or a row that shows up later, is not seen.
    """

    page_size: Annotated[int, Meta(ge=1, le=1000)] = 100
    look_back: Seconds = 7 * 86_400
    every: Seconds = 300


class TenantEventsSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `tenant-events` is read: `page_size` rows a page, once in `every`.

    Rows change in place and do not say when: those created in the last five minutes are looked at in every turn, those
    of the last hour every ten minutes, of the last day every six hours, and of the whole `look_back` once a day.
    """

    page_size: Annotated[int, Meta(ge=1, le=1000)] = 100
    look_back: Seconds = 7 * 86_400
    every: Seconds = 60


class LeadPingSettings(PolledTenant, kw_only=True):
    """A tenant's settings.

    `webhook_mode` is what the automation's webhook action is set to, `webhook_header` the header of its mode `header`.
    `webhook_event` is a JSON pointer (RFC 6901) to the event, or the array of events, inside the body.
    `api_key` is the organization's, `organization` its id, by which the events of all its leads are asked for.
    """

    credentials = (("api_key",),)

    webhook_mode: Literal["signature", "bearer", "header", "none"] = "signature"
    webhook_header: HeaderName = "X-Headrace-Secret"
    webhook_event: str | None = None
    api_key: str | None = None
    api_key_file: str | None = None
    organization: str | None = None
    lead_events: LeadEventsSettings = LeadEventsSettings()
    tenant_events: TenantEventsSettings = TenantEventsSettings()

    @property
    def takes_webhooks(self) -> bool:
        """See Tenant: without a mode, no secret is needed."""
        return self.webhook_mode == "none" or super().takes_webhooks

    def faults(self) -> Iterator[Contradiction]:
        """Yield what can never work, and what is missing where polling is on: the API key."""
        yield from check(self, (FEED, TENANT_FEED))
        if self.organization is not None and not can_be_id(self.organization):
            yield Contradiction("organization", "can be no organization's id")
        if self.webhook_event and not self.webhook_event.startswith("/"):
            yield Contradiction("webhook_event", 'is a JSON pointer and starts with "/", such as "/event"')
        if self.webhook_mode == "signature" and not all(map(key_of, self.webhook_secrets)):
            reason = 'a secret is not "whsec_" and base64, as LeadPing shows it'
            yield Contradiction("webhook_secrets", reason, ("webhook_mode",))


@lru_cache(maxsize=256)
def key_of(secret: str) -> bytes | None:
    """Return the bytes of a secret; None where it is not base64, or empty (https://www.standardwebhooks.com)."""
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True) or None
    except (binascii.Error, ValueError):
        return None
