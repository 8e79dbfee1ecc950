"""LeadSquared: activities by poll and by webhook, leads and tasks by webhook. README.md has the quirks."""

from collections.abc import Mapping as Headers, Sequence
from typing import Literal

from headrace.providers.leadsquared import (
    client,
    code_streams,
    cut,
    feeds,
    hooks,
    identity,
    nudge,
    probe,
    translate,
    webhook,
    wire,
)
from headrace.providers.leadsquared.settings import LeadSquaredSettings
from headrace.sdk.provider import Tenant

__all__ = ["LeadSquared", "provider"]


class LeadSquared:
    """The contracts of `sdk/provider.py`, `sdk/feed.py` and `sdk/hooks.py`; each method is a module of this folder."""

    name: str = wire.NAME
    Settings: type[Tenant] = LeadSquaredSettings
    resources: Headers[str, str] = wire.RESOURCES
    tables: Headers[str, str] = wire.TABLES

    methods: Sequence[str] = ("POST", "GET", "HEAD")
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

    names_note: tuple[str, str] = (wire.BY_CODE, code_streams.NAMES)
    code_names = staticmethod(code_streams.code_names)


provider = LeadSquared()
