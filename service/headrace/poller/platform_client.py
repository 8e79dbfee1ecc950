"""What it takes to call a tenant's platform, as the tenant is configured. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from headrace.config.tenants import Account
from headrace.sdk.feed import ApiClient, Feed, Polled
from headrace.sdk.limits import CallLimits
from headrace.sdk.settings import PolledTenant


class Unready(Exception):  # noqa: N818  (a sentence for the operator)
    """A tenant that cannot be polled as it is configured."""


class PlatformClient(Struct, frozen=True):
    """A provider's part of polling one tenant; `api` signs requests and classifies responses."""

    provider: Polled
    settings: PolledTenant
    api: ApiClient

    @property
    def limits(self) -> CallLimits:
        """The platform's limits, with those that the settings override."""
        return self.settings.budget.over(self.api.limits)

    @property
    def feeds(self) -> Sequence[Feed]:
        """The feeds that are switched on, made anew each time."""
        return self.provider.feeds(self.settings)

    @property
    def leads(self) -> frozenset[str]:
        """The leads that the settings name, as the provider's subjects have them."""
        return frozenset(filter(None, map(self.settings.canonical_lead, self.settings.leads)))


def client_of(account: Account) -> PlatformClient:
    """Return what it takes to call a tenant's platform. Raises `Unready`."""
    provider, settings = account.provider, account.settings
    if not isinstance(provider, Polled) or not isinstance(settings, PolledTenant):
        raise Unready(f"{account.provider.name} cannot be polled")
    api = provider.client(settings)
    if api is None:
        raise Unready(f"{account.source} has no credentials to poll with")
    return PlatformClient(provider, settings, api)
