"""Options of commands for one tenant that is polled, and of one of its feeds."""

import time
from collections.abc import Callable
from typing import Any, Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import span
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.suggestions import did_you_mean
from headrace.poller.platform_client import Unready, client_of
from headrace.sdk.feed import Feed, Polled
from headrace.sdk.provider import Provider

_TENANT: Final = (
    click.option("-p", "--provider", type=arguments.PROVIDER, required=True, help="Provider name."),
    click.option(
        "-t",
        "--tenant",
        type=arguments.TENANT,
        metavar="NAME",
        required=True,
        help="Name of a configured tenant of the provider.",
    ),
)
_FEED: Final = click.option("-f", "--feed", metavar="NAME", help="One of its feeds; an unknown one lists all.")

BEYOND_WINDOW: Final = click.option(
    "--beyond-window", is_flag=True, help="Go back beyond the dedupe window: copies may come twice."
)

WHERE_IT_IS: Final = (
    "Is one running? The order waits for it; one that is not set to poll this tenant passes it over, and logs that."
)


def of_a_tenant(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a tenant."""
    for option in reversed(_TENANT):
        function = option(function)
    return function


def of_a_feed(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a tenant and of one of its feeds."""
    return of_a_tenant(_FEED(function))


def polled_account(config: Config, provider: Provider, tenant: str) -> Account:
    """Return a tenant whose polling is switched on, or end the command: nobody would carry out what is ordered."""
    account, settings = arguments.polled(config, provider, tenant)
    if not settings.polling:
        raise click.ClickException(f"{account.source} is not polled: set polling = true for this tenant")
    if settings.paused:
        raise click.ClickException(f"{account.source} is paused: take paused = true out of its settings first")
    try:
        client_of(account)
    except Unready as reason:
        raise click.ClickException(f"{reason}: add them to [tenants.{provider.name}.{tenant}]") from None
    return account


def feeds_of(account: Account) -> list[Feed]:
    """Return the feeds of a tenant."""
    provider: Any = account.provider
    return list(provider.feeds(account.settings)) if isinstance(provider, Polled) else []


def feed_of(account: Account, name: str) -> Feed:
    """Return a feed by its name, or end the command with those that there are."""
    found = {feed.name: feed for feed in feeds_of(account)}
    if name not in found:
        known = ", ".join(found)
        raise click.BadParameter(
            f'{account.source} has no feed "{name}"{did_you_mean(name, found)}; it has {known}', param_hint="--feed"
        )
    return found[name]


def check_window(config: Config, begin: int, *, beyond_window: bool) -> None:
    """End the command where what begins then (ms since the epoch) may be published twice, unless that is wanted."""
    window = config.dedupe.window
    if begin < (time.time() - window) * 1000 and not beyond_window:
        raise click.ClickException(
            f"ids are remembered for {span(round(window), 1)} ([dedupe] window): what is older may have been published "
            "before, and would come again. Choose a later --since, or add --beyond-window where copies do no harm"
        )
