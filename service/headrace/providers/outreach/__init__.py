"""Outreach: polled events by name, and webhooks about the records behind them."""

from collections.abc import Iterator, Mapping as Headers, Sequence
from typing import Literal

from headrace.core.mapping import Mapping
from headrace.providers.outreach import client, cut as cutting, feeds, settings as shape, translate, webhook
from headrace.providers.outreach.translate import webhook_events as hooks
from headrace.providers.outreach.wire import NAME, RESOURCES, TABLES
from headrace.sdk.feed import ApiClient, Call, Feed
from headrace.sdk.provider import Accepted, Delivery, Draft, Dropped, Identity, Piece, RawEvent, Tenant

__all__ = ["Outreach", "provider"]


class Outreach:
    """What `base.Provider` asks for; each method is a module of this folder."""

    name: str = NAME
    Settings: type[Tenant] = shape.Settings
    resources: Headers[str, str] = RESOURCES
    tables: Headers[str, str] = TABLES

    methods: Sequence[str] = ("POST",)
    retries: Literal["status", "connection"] = "connection"

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:
        """Cut pages, single records, rows and webhook bodies, or a JSON array of these."""
        return cutting.cut(body, resource)

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Verify the HMAC of a delivery. Raises `Refused`."""
        return webhook.accept(delivery, settings)

    def identity(self, raw: RawEvent) -> Identity:
        """Name an event by its id, a webhook by the fact it tells."""
        return hooks.identity(raw) if raw.shape == cutting.HOOK else translate.identity(raw)

    def translate(self, raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
        """Turn an event or webhook body into a draft; an update that says nothing is `noop`."""
        return hooks.translate(raw, mapping) if raw.shape == cutting.HOOK else translate.translate(raw, mapping)

    def client(self, settings: Tenant) -> ApiClient | None:
        """Call with a token that was given, or with those that OAuth hands out."""
        return client.client(_own(settings))

    def feeds(self, settings: Tenant) -> Sequence[Feed]:
        """Give the one feed there is."""
        return (feeds.EventsFeed(_own(settings)),)

    def single(self, settings: Tenant, resource: str, id: str) -> Sequence[Call]:  # noqa: A002, ARG002  (the protocol's)
        """Ask for one event; the records behind webhooks are no events."""
        return (feeds.single(id),) if resource == cutting.EVENT else ()


def _own(settings: Tenant) -> shape.Settings:
    if not isinstance(settings, shape.Settings):
        raise TypeError("these are the settings of another provider")
    return settings


provider = Outreach()
