"""LeadSquared: activities by four reads and webhooks, leads and tasks by webhooks. README.md has the quirks."""

from collections.abc import Iterator, Mapping as Headers, Sequence
from typing import Literal

from headrace.providers.leadsquared import client, cut, identity, settings as shape, translate, webhook, wire
from headrace.providers.leadsquared.feeds import LeadActivitiesFeed
from headrace.sdk.feed import ApiClient, Call, Feed
from headrace.sdk.provider import Accepted, Delivery, Piece, Tenant


class LeadSquared:
    """The contract of a provider; each method is a module of this folder."""

    name = "leadsquared"
    Settings: type[Tenant] = shape.Settings
    resources: Headers[str, str] = {
        "activity": "pages or rows of Retrieve, RetrieveByActivityEvent, RetrieveRecentlyModified; activity webhooks",
        "lead": "lead webhooks: a flat lead, or Before and After",
        "task": "task webhooks: a flat task, or Before and After",
    }
    tables: Headers[str, str] = wire.TABLES

    methods: Sequence[str] = ("POST", "GET", "HEAD")
    retries: Literal["status", "connection"] = "status"

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:
        """Cut a page, a webhook's array or a single object; see `cut.py`."""
        return cut.cut(body, resource, hint="")

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Compare the static secret; see `webhook.py`. Raises `Refused`."""
        return webhook.accept(self.name, delivery, settings)

    # Called for every record, so without a call between.
    identity = staticmethod(identity.identity)
    translate = staticmethod(translate.translate)

    def client(self, settings: Tenant) -> ApiClient | None:
        """Call with a user's two keys."""
        told = _own(settings)
        return client.Client(told, told.access_key, told.secret_key) if told.access_key and told.secret_key else None

    def feeds(self, settings: Tenant) -> Sequence[Feed]:
        """Give the one feed there is: it is read for every lead that is watched."""
        return (LeadActivitiesFeed(self.name, _own(settings).lead_activities),)

    def single(self, settings: Tenant, resource: str, id: str) -> Sequence[Call]:  # noqa: A002, ARG002  (the protocol's)
        """Give none: the reference has no call that brings one activity with its code, lead and times."""
        return ()


def _own(settings: Tenant) -> shape.Settings:
    if not isinstance(settings, shape.Settings):
        raise TypeError("these are the settings of another provider")
    return settings


provider = LeadSquared()
