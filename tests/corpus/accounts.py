"""The tenants of the corpus: each kind of account that the normalizer treats differently."""

from functools import cache
from typing import Any, Final

from msgspec.structs import replace

from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import Mapping
from headrace.core.mapping_file import build, read
from headrace.core.redaction import Redaction
from headrace.sdk.provider import Provider, Tenant
from tests.providers import suite
from tests.providers.suite import Home

BUILT_IN: Final = tuple(home for home in suite.HOMES if home.name in {"leadping", "leadsquared", "outreach"})
PLAIN, POLLED, REDACTED, OVERLAID, PAUSED, STRANGER = "plain", "polled", "redacted", "overlaid", "paused", "stranger"
NAMES: Final = (*((PLAIN,) * 11), *((POLLED,) * 5), REDACTED, *((OVERLAID,) * 3))
"""The tenants that most records are of, each as often as it is drawn."""
_REDACTION: Final = Redaction(
    drop=["text", "native.extra", "client", "fields.mx_Custom_2", "cost"],
    hash=["parties", "title", "refs.user", "subject"],
    key="an-invented-key-of-32-characters",
)
_OVERLAYS: Final = {
    "leadping": """
[[row]]
table = "activity"
code = "Sms"
type = "message.logged"
channel = "sms"
reach = "nudge"
fields = {{ campaign = "{season}" }}
[row.status]
Completed = "message.sent"
""",
    "leadsquared": """
[[row]]
code = "212"
type = "meeting.scheduled"
fields = {{ place = "{season}" }}
[row.lift]
mx_Custom_1 = "text"
mx_Custom_3 = "value.amount"
mx_Custom_4 = "fields.salesperson"
[row.status]
Visited = "meeting.held"
"No show" = {{ type = "meeting.canceled", outcome = "canceled" }}
[[row]]
code = "22"
type = "call.logged"
reach = "nudge"
[row.lift]
mx_Custom_2 = "times.next_visit"
""",
    "outreach": """
[[row]]
table = "event"
code = "message_opened"
type = "email.opened"
channel = "email"
actor = "lead"
fields = {{ campaign = "{season}" }}
""",
}
"""Rows of a tenant's own, in TOML; `season` is what the change changes."""


def provider_of(name: str) -> Provider:
    """Return the provider of that name."""
    return suite.provider_of(home_of(name))


def home_of(name: str) -> Home:
    """Return the home of a provider."""
    return next(home for home in BUILT_IN if home.name == name)


@cache
def tenants(*, changed: bool) -> Tenants:
    """Return all tenants; `changed`: the overlays say something else, for what is replayed."""
    return Tenants([account for home in BUILT_IN for account in _accounts(home, changed=changed)])


def _accounts(home: Home, *, changed: bool) -> list[Account]:
    provider, own = suite.provider_of(home), suite.mapping_of(home)
    kit = suite.kit_of(home)
    polled: dict[str, Any] = {"polling": True, **kit.credentials}
    settings: dict[str, Tenant] = {
        PLAIN: provider.Settings(),
        POLLED: replace(kit.settings, **polled),
        REDACTED: replace(kit.settings, redact=_REDACTION),
        OVERLAID: replace(kit.settings, **polled),
        PAUSED: replace(kit.settings, paused=True),
    }
    tables = {OVERLAID: _overlaid(home, changed=changed)}
    return [Account(provider, name, one, tables.get(name, own)) for name, one in settings.items()]


def _overlaid(home: Home, *, changed: bool) -> Mapping:
    """Return a provider's table with rows of a tenant's own before it."""
    tables = suite.provider_of(home).tables
    text = _OVERLAYS[home.name].format(season="autumn" if changed else "spring")
    return build(suite.mapping_of(home).entries, read(text, "own.toml", tables))
