"""The configuration of the demo: of each provider a tenant that takes webhooks, and one that is polled."""

from pathlib import Path
from typing import Final

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
[log]
format = "json"
level = "debug"
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


def write(home: Path, servers: str, ports: tuple[int, int], polled: PolledPlatforms) -> Path:
    """Write `headrace.toml` into a folder, and the overlay that it names; `ports` are those of receiver and admin."""
    port, admin = ports
    (home / "acme.toml").write_text(OVERLAY)
    text = _CONFIG.format(servers=servers, admin=admin, port=port)
    file = home / "headrace.toml"
    file.write_text("\n".join([text, *(_polled(polled, name) for name in polled.by_name)]))
    return file


def _polled(polled: PolledPlatforms, provider: str) -> str:
    """Configure the tenant that is polled; its webhooks are signed as those of the other one."""
    sender = senders.make(provider, TENANT, secret=SECRETS.get(provider, "demo"))
    pointer = {"webhook_event": "/event"} if provider == "leadping" else {}
    return senders.toml(sender, **polled.settings(provider), **pointer)
