"""How one tenant's platform is asked: everything between a feed and the network."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from msgspec import Struct

from headrace.config.tenants import Account
from headrace.poller.budget import restored
from headrace.poller.clock import Clock
from headrace.poller.context import Shared
from headrace.poller.feed_run import Store
from headrace.poller.http_client import HttpClient
from headrace.poller.oauth_tokens import OAuthTokens
from headrace.poller.rate_limiter import RateLimiter
from headrace.poller.retries import Retries
from headrace.poller.state import TenantState
from headrace.records.cursors import SealedTokens, Spending, entry
from headrace.sdk.feed import ApiClient, Feed, Polled
from headrace.sdk.settings import PolledTenant


class Asked(Struct, frozen=True):
    """The gate, the calls through it, the feeds that are switched on, and the leads that the settings name."""

    gate: RateLimiter
    calls: Retries
    feeds: Sequence[Feed]
    leads: Collection[str]
    canonical_lead: Callable[[str], str | None]


class Unready(Exception):  # noqa: N818  (a sentence for the operator)
    """A tenant that cannot be polled as it is configured."""


def client_of(account: Account) -> tuple[Polled, PolledTenant, ApiClient]:
    """Give what it takes to call a tenant's platform. Raises `Unready`."""
    provider, settings = account.provider, account.settings
    if not isinstance(provider, Polled) or not isinstance(settings, PolledTenant):
        raise Unready(f"{account.provider.name} cannot be polled")
    client = provider.client(settings)
    if client is None:
        raise Unready(f"{account.source} has no credentials to poll with")
    return provider, settings, client


def asked(shared: Shared, account: Account, kept: TenantState, store: Store) -> Asked:
    """Build what asks a tenant's platform, with the budget that is left of it. Raises `Unready`."""
    provider, settings, client = client_of(account)
    source: Final = account.source

    async def spend(spending: Spending) -> None:
        await store([entry(source, spending)])

    async def keep(sealed: SealedTokens) -> None:
        await store([entry(source, sealed)])

    gate = RateLimiter(
        (account.provider.name, account.name),
        client,
        HttpClient(shared.session, client.base_url),
        restored(settings.budget.over(client.limits), kept.spending),
        Clock(shared.now),
        shared.metrics,
        spend,
    )
    bearer = OAuthTokens(gate, settings.token_key, lambda: kept.token, keep)
    leads = frozenset(filter(None, map(settings.canonical_lead, settings.leads)))
    return Asked(gate, Retries(gate, bearer), provider.feeds(settings), leads, settings.canonical_lead)
