"""LeadPing: the activity list, details and calls that are polled, and what automations deliver by webhook."""

from collections.abc import Mapping as Headers, Sequence
from typing import Literal

from headrace.providers.leadping import client, cut, feeds, hooks, identity, nudge, probe, translate, webhook, wire
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.sdk.provider import Tenant

__all__ = ["LeadPing", "provider"]


class LeadPing:
    """The contracts of `sdk/provider.py`, `sdk/feed.py` and `sdk/hooks.py`; each method is a module of this folder."""

    name: str = wire.NAME
    Settings: type[Tenant] = LeadPingSettings
    resources: Headers[str, str] = wire.RESOURCES
    tables: Headers[str, str] = wire.TABLES

    methods: Sequence[str] = ("POST",)
    retries: Literal["status", "connection"] = "status"

    cut = staticmethod(cut.cut)
    accept = staticmethod(webhook.accept)
    identity = staticmethod(identity.identity)
    translate = staticmethod(translate.translate)
    nudge = staticmethod(nudge.nudge)

    single = staticmethod(client.single)
    probe = staticmethod(probe.probe)
    client = staticmethod(client.client)
    feeds = staticmethod(feeds.feeds)

    hooks = staticmethod(hooks.hooks)


provider = LeadPing()
