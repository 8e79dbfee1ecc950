"""LeadPing: the activity list, details and calls that are polled, and what automations deliver by webhook."""

from collections.abc import Iterator, Mapping as Headers, Sequence
from typing import Literal

from headrace.providers.leadping import client, cut, identity, settings as shape, translate, webhook
from headrace.providers.leadping.feeds import LeadEventsFeed
from headrace.sdk.feed import ApiClient, Call, Feed
from headrace.sdk.provider import Accepted, Delivery, Piece, Tenant

__all__ = ["LeadPing", "provider"]


class LeadPing:
    """What `base.Provider` asks for; each method is a module of this folder."""

    name: str = "leadping"
    Settings: type[Tenant] = shape.Settings
    resources: Headers[str, str] = {
        "activity": "list rows, event details, and bundles of row, detail and call",
        "call": "call events as GET /events/calls/{id} gives them",
        "sms": "rows of the SMS lists",
        "automation": "the body of an automation's webhook",
    }
    tables: Headers[str, str] = {
        "activity": "activityType or timelineType, refined by status or milestone",
        "event": "eventType, where a record has neither activityType nor timelineType",
        "call": "the one code call, refined by the status of the call record",
        "automation": "what a free-form webhook body calls itself, else automation",
    }

    methods: Sequence[str] = ("POST",)
    retries: Literal["status", "connection"] = "status"

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:
        """Cut pages, rows, details, calls, bundles, or a JSON array of these."""
        return cut.cut(body, resource)

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Verify a Standard Webhooks signature, or what else the tenant's mode asks for. Raises `Refused`."""
        return webhook.accept(self.name, delivery, _own(settings))

    # Called for every record, so without a call between.
    identity = staticmethod(identity.identify)
    translate = staticmethod(translate.translate)

    def client(self, settings: Tenant) -> ApiClient | None:
        """Call with the organization's API key."""
        told = _own(settings)
        return client.Client(told, told.api_key) if told.api_key else None

    def feeds(self, settings: Tenant) -> Sequence[Feed]:
        """Give the one feed there is: it is read for every lead that is watched."""
        return (LeadEventsFeed(self.name, _own(settings).lead_events),)

    def single(self, settings: Tenant, resource: str, id: str) -> Sequence[Call]:  # noqa: A002, ARG002  (the protocol's)
        """Ask for the detail of an event, or for a call."""
        return client.single(resource, id)


def _own(settings: Tenant) -> shape.Settings:
    if not isinstance(settings, shape.Settings):
        raise TypeError("these are the settings of another provider")
    return settings


provider = LeadPing()
