"""The tenants of one configuration, each with its provider, settings and mapping."""

from collections.abc import Iterator, Mapping as Dict
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from headrace.core.mapping import Mapping
from headrace.core.redactor import Redactor, mapping_id, redactor_of
from headrace.core.toml_lines import FileFault
from headrace.sdk.provider import Provider, Tenant, source_of


class Account(Struct, frozen=True):
    """One configured tenant, with all that is needed to read its payloads."""

    provider: Provider
    name: str
    settings: Tenant
    mapping: Mapping
    overlay: Path | None = None
    """The file of its own rows, None where it has none."""
    redactor: Redactor | None = None
    """What redacts its events, made of its settings; None where nothing is redacted."""
    mapping_id: str = ""
    """Which tables and which redaction its events are made with, 8 hex digits: made of both."""
    source: str = ""
    """`/<provider>/<tenant>`, the CloudEvents source: made of both names."""

    def __post_init__(self) -> None:
        """Make what follows from settings, mapping and names."""
        force_setattr(self, "redactor", redactor_of(self.settings.redact))
        force_setattr(self, "mapping_id", mapping_id(self.mapping.id, self.redactor))
        force_setattr(self, "source", source_of(self.provider.name, self.name))


class Tenants:
    """All configured tenants, by source (`/<provider>/<tenant>`).

    `left_out` are those that cannot be used, each with what is wrong with it: none in a configuration that is sound.
    """

    def __init__(
        self, accounts: Iterator[Account] | list[Account], left_out: Dict[str, list[FileFault]] | None = None
    ) -> None:
        self.by_source: Final[Dict[str, Account]] = {account.source: account for account in accounts}
        self.left_out: Final[Dict[str, list[FileFault]]] = left_out or {}
        self.providers: Final = frozenset(account.provider.name for account in self)
        """The names of those that have a tenant."""
        self.both_ways: Final = frozenset(
            account.source for account in self if account.settings.polling and account.settings.takes_webhooks
        )
        """The sources of those that are polled and take webhooks: what one way loses, the other one shows."""

    def get(self, provider: str, tenant: str) -> Account | None:
        """Return one tenant, None where it is not configured."""
        return self.by_source.get(source_of(provider, tenant))

    def unpaused(self) -> "Tenants":
        """Return the same tenants as if none of them was paused."""
        return Tenants([replace(one, settings=replace(one.settings, paused=False)) for one in self], self.left_out)

    def __iter__(self) -> Iterator[Account]:
        return iter(self.by_source.values())
