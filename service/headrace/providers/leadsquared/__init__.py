"""LeadSquared: activities by four reads and webhooks, leads and tasks by webhooks. README.md has the quirks."""

from collections.abc import Iterator, Mapping as Headers

from headrace.providers.base import Accepted, Delivery, Piece, Tenant
from headrace.providers.leadsquared import cut, identity, translate, webhook


class LeadSquared:
    """The contract of a provider; each method is a module of this folder."""

    name = "leadsquared"
    Settings: type[Tenant] = webhook.Settings
    resources: Headers[str, str] = {
        "activity": "pages or rows of Retrieve, RetrieveByActivityEvent, RetrieveRecentlyModified; activity webhooks",
        "lead": "lead webhooks: a flat lead, or Before and After",
        "task": "task webhooks: a flat task, or Before and After",
    }
    tables: Headers[str, str] = {
        "event": "EventCode of API rows, ActivityEvent of webhooks, or the kind of a webhook that carries no code"
    }

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:
        """Cut a page, a webhook's array or a single object; see `cut.py`."""
        return cut.cut(body, resource, hint="")

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Compare the static secret; see `webhook.py`. Raises `Refused`."""
        return webhook.accept(self.name, delivery, settings)

    # Called for every record, so without a call between.
    identity = staticmethod(identity.identity)
    translate = staticmethod(translate.translate)


provider = LeadSquared()
