"""The configuration of the demo: of each provider a tenant that takes webhooks, and one that is polled."""

from pathlib import Path
from typing import Final, NamedTuple

from headrace_demo import senders
from headrace_demo.polled_platforms import TENANT, PolledPlatforms
from headrace_demo.scenario import OVERLAY

_CONFIG: Final = """\
topic_prefix = "demo."
[kafka]
bootstrap_servers = "{servers}"
[receiver]
host = "127.0.0.1"
port = {port}
[admin]
host = "127.0.0.1"
port = {admin}
[console]
port = {page}
[log]
format = "json"
level = "debug"
"""
_PUSHED: Final = """\
[tenants.leadsquared.acme]
webhook_secrets = ["demo"]
mapping = "acme.toml"
[tenants.leadping.acme]
webhook_secrets = ["whsec_ZGVtby1zZWNyZXQtb2YtdHdlbnR5LWZvdXItYnl0ZXM="]
webhook_event = "/event"
[tenants.outreach.acme]
webhook_secrets = ["demo"]
"""
TENANTS: Final = ("acme", TENANT)
SECRETS: Final = {"leadping": "whsec_ZGVtby1zZWNyZXQtb2YtdHdlbnR5LWZvdXItYnl0ZXM="}


class Ports(NamedTuple):
    """Where the program listens on this machine: for webhooks, for metrics, and for whoever looks at the page."""

    receiver: int
    admin: int
    page: int


def write(home: Path, servers: str, ports: Ports, polled: PolledPlatforms) -> Path:
    """Write `headrace.toml` into a folder, and the overlay that it names."""
    text = _CONFIG.format(servers=servers, port=ports.receiver, admin=ports.admin, page=ports.page)
    file = home / "headrace.toml"
    file.write_text(text + tenants(home, polled))
    return file


def tenants(home: Path, polled: PolledPlatforms) -> str:
    """Return the tenants as `headrace.toml` has them; the overlay that one of them names is written beside it."""
    (home / "acme.toml").write_text(OVERLAY)
    return "\n".join([_PUSHED, *(_polled(polled, name) for name in polled.by_name)])


def _polled(polled: PolledPlatforms, provider: str) -> str:
    """Configure the tenant that is polled; its webhooks are signed as those of the other one."""
    sender = senders.make(provider, TENANT, secret=SECRETS.get(provider, "demo"))
    pointer = {"webhook_event": "/event"} if provider == "leadping" else {}
    return senders.toml(sender, **polled.settings(provider), **pointer)
