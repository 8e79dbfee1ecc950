"""LeadPing: the activity list, details and calls that are polled, and what automations deliver by webhook."""

from collections.abc import Iterator, Mapping as Headers

from headrace.mapping import Mapping
from headrace.providers.base import Accepted, Delivery, Draft, Identity, Piece, RawEvent, Tenant
from headrace.providers.leadping import cut, identity, translate, webhook

__all__ = ["LeadPing", "provider"]


class LeadPing:
    """What `base.Provider` asks for; each method is a module of this folder."""

    name: str = "leadping"
    Settings: type[Tenant] = webhook.Settings
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

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:
        """Cut pages, rows, details, calls, bundles, or a JSON array of these."""
        return cut.cut(body, resource)

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Verify a Standard Webhooks signature, or what else the tenant's mode asks for. Raises `Refused`."""
        if not isinstance(settings, webhook.Settings):
            raise TypeError("accept takes the Settings of this provider")
        return webhook.accept(self.name, delivery, settings)

    def identity(self, raw: RawEvent) -> Identity:
        """Name a record by its own id, and number it by its milestones and status."""
        return identity.identify(raw)

    def translate(self, raw: RawEvent, mapping: Mapping) -> Draft:
        """Turn a record of any generation into a draft."""
        return translate.translate(raw, mapping)


provider = LeadPing()
