"""Step 11. Acme, the smallest whole provider, as a tutorial; README.md has the order."""

from collections.abc import Mapping as Headers, Sequence
from typing import Literal

from headrace.sdk.provider import Tenant
from tests.providers.tutorial.acme import client, cut, feeds, identity, nudge, translate, webhook, wire
from tests.providers.tutorial.acme.settings import AcmeSettings

__all__ = ["Acme", "provider"]


class Acme:
    """The contracts of `sdk/provider.py` and `sdk/feed.py`; each method is a module of this folder."""

    name: str = wire.NAME
    Settings: type[Tenant] = AcmeSettings
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
    client = staticmethod(client.client)
    feeds = staticmethod(feeds.feeds)


provider = Acme()
