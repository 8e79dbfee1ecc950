"""`headrace hooks`: which webhooks are registered at the platforms, beside those that are needed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import count
from headrace.cli._hook_rows import Looked, write_json, write_table
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._output import confirmed, echo
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.observe.escapes import escaped
from headrace.poller.hook_list import hooks_of
from headrace.poller.hook_work import HookOutcome, HookWork, hook_work
from headrace.poller.platform_client import Unready
from headrace.poller.state import PartitionState, TenantState, read_all
from headrace.sdk.faults import Fault
from headrace.sdk.hooks import Hooked, HooksByHand
from headrace.sdk.provider import Provider

_NO_URL: Final = (
    "public_url is missing: set it to the address at which platforms reach the receiver, such as "
    'public_url = "https://hooks.example.com", at the top of headrace.toml'
)

_AT_ONCE: Final = 8
"""Platforms that are asked at a time."""

_options: Final = (
    click.option("-p", "--provider", type=arguments.PROVIDER, help="Only tenants of this provider."),
    click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only the tenant of this name."),
)


def _of_tenants(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_options):
        function = option(function)
    return function


@click.group("hooks")
def command() -> None:
    """Register webhooks at the platforms, and show what is registered there.

    A webhook delivers to public_url, below /webhooks/PROVIDER/TENANT. These commands call the platform beside the
    poller: their calls count in the tenant's budget, and where access tokens rotate they use the one that the poller
    has stored. Secrets are sent when a webhook is made; they are never read back, and never shown.
    """


@command.command("show", short_help="show what is registered beside what is needed")
@_of_tenants
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a webhook.")
@click.pass_context
def show(ctx: click.Context, provider: Provider | None, tenant: str | None, as_json: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """Show which webhooks are registered, beside those that the configuration needs.

    \b
    A webhook is
      ok         as it should be
      foreign    as it should be, and made by somebody else: it is left alone
      missing    needed, and not there
      gone       one of ours that is not there any more
      disabled   switched off at the platform; why is below the table
      elsewhere  one of ours that points to another URL than it was made with
      differs    one of ours that is about something else than was ordered
      unneeded   one of ours that the configuration does not need
      other      somebody else's, about something else

    \b
      headrace hooks show
      headrace hooks show -p PROVIDER -t acme --json | jq 'select(.needed)'
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config, accounts = _chosen(ctx, provider, tenant)
    url = _public_url(config)
    found = run_with_kafka(config, _look(config, accounts))
    (write_json if as_json else write_table)(found, url)
    missing = sum(row.to_create for each in found for row in each.rows)
    if missing and not as_json:
        echo(f"  {count(missing, 'webhook')} to be made: headrace hooks apply")
    _end(found)


@command.command("apply", short_help="register what is missing")
@_of_tenants
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def apply(ctx: click.Context, provider: Provider | None, tenant: str | None, yes: bool) -> None:  # noqa: FBT001  (as above)
    """Show what is missing, ask, and register it with the first of the tenant's webhook_secrets.

    What was made is listed again, and compared with what was ordered. What somebody else made is never touched, and
    not doubled. It can be run again at any time.

    \b
      headrace hooks apply -p PROVIDER -t acme
      headrace hooks apply --yes
    """  # noqa: D301  (as above)
    config, accounts = _chosen(ctx, provider, tenant)
    url = _public_url(config)
    found = run_with_kafka(config, _look(config, accounts))
    write_table(found, url)
    missing = {each.account.source: [row.tells for row in each.rows if row.to_create] for each in found}
    _need_secrets([each.account for each in found if missing[each.account.source]])
    total = sum(map(len, missing.values()))
    if not total:
        echo("There is nothing to create.")
    elif yes or confirmed(f"Create {count(total, 'webhook')}?"):
        outcomes = run_with_kafka(config, _change(config, accounts, missing, HookWork.create, lists=2))
        _report(outcomes, found)
    else:
        echo("Nothing was created.")
    _end(found)


@command.command("delete", short_help="delete webhooks that Headrace made")
@_of_tenants
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.pass_context
def delete(ctx: click.Context, provider: Provider | None, tenant: str | None, yes: bool, ids: tuple[str, ...]) -> None:  # noqa: FBT001  (as above)
    """Delete webhooks that Headrace made: those with these IDs, or all of the tenants.

    Each is asked for once. Where no answer came it is not known whether it is deleted: look, then decide.

    \b
      headrace hooks delete -p PROVIDER -t acme
      headrace hooks delete -p PROVIDER -t acme 31
    """  # noqa: D301  (as above)
    config, accounts = _chosen(ctx, provider, tenant)
    state = run_with_kafka(config, _read_state(config))
    own = {each.source: _own(state.of(each.source), ids) for each in accounts}
    total = sum(map(len, own.values()))
    if unknown := set(ids) - {ident for found in own.values() for ident in found}:
        raise click.ClickException(
            f"{', '.join(sorted(unknown))}: Headrace did not make that; it deletes its own alone"
        )
    for account in accounts:
        for ident in own[account.source]:
            echo(f"  {account.source[1:]}  {state.of(account.source).hooks[ident].tells}  {ident}")
    if not total:
        echo("Headrace has made none that is left.")
    elif yes or confirmed(f"Delete {count(total, 'webhook')}?"):
        _report(run_with_kafka(config, _change(config, accounts, own, HookWork.delete, lists=1)), ())
    else:
        echo("Nothing was deleted.")


def _chosen(ctx: click.Context, provider: Provider | None, tenant: str | None) -> tuple[Config, list[Account]]:
    """Return the tenants that are asked for and whose provider takes webhooks, or end the command."""
    config = arguments.configuration(ctx)
    if provider is not None and tenant is not None:
        arguments.account(config, provider, tenant)
    accounts = [
        account
        for account in config.tenants
        if isinstance(account.provider, Hooked)
        and provider in (None, account.provider)
        and tenant in (None, account.name)
    ]
    if not accounts:
        raise click.ClickException("no tenant that is asked for is configured: add [tenants.PROVIDER.NAME]")
    return config, accounts


def _public_url(config: Config) -> str:
    if not config.public_url:
        raise click.ClickException(_NO_URL)
    return config.public_url


def _need_secrets(accounts: Sequence[Account]) -> None:
    """End the command where a webhook could not prove itself: nobody else's deliveries would be told apart."""
    without = [account.source for account in accounts if not account.settings.webhook_secrets]
    if without:
        raise click.ClickException(
            f"{', '.join(without)} has no webhook_secrets, with which the webhook is made: set one, such as "
            "`openssl rand -hex 32` writes"
        )


async def _read_state(config: Config) -> PartitionState:
    await existing_topics(config, "cursors", "nudges")
    return await read_all(config)


async def _look(config: Config, accounts: Sequence[Account]) -> list[Looked]:
    state, some = await _read_state(config), asyncio.Semaphore(_AT_ONCE)

    async def look_at(account: Account) -> Looked:
        async with some:
            return await _look_at(config, account, state.of(account.source))

    return list(await asyncio.gather(*map(look_at, accounts)))


async def _look_at(config: Config, account: Account, state: TenantState) -> Looked:
    """Look at one tenant's webhooks; what is wrong with one tenant stops no other."""
    hooks = hooks_of(account, config.public_url or "")
    if isinstance(hooks, HooksByHand):
        return Looked(account, by_hand=hooks.steps)
    try:
        async with hook_work(config, account, state) as work:
            return Looked(account, await work.look())
    except (Fault, Unready) as fault:
        return Looked(account, fault=_sentence(fault))


async def _change(
    config: Config,
    accounts: Sequence[Account],
    chosen: Mapping[str, Sequence[str]],
    act: Callable[[HookWork, Sequence[str]], Awaitable[list[HookOutcome]]],
    *,
    lists: int,
) -> list[tuple[str, HookOutcome]]:
    """Do something to what was chosen of each tenant, by source; what is wrong with one tenant stops no other.

    It takes a call for each webhook, and so many to list what is there.
    """
    state = await _read_state(config)
    found: list[tuple[str, HookOutcome]] = []
    for account in accounts:
        if names := chosen[account.source]:
            try:
                async with hook_work(config, account, state.of(account.source), lists + len(names)) as work:
                    found += [(account.source, each) for each in await act(work, names)]
            except (Fault, Unready) as fault:
                found.append((account.source, HookOutcome("", _sentence(fault), well=False)))
    return found


def _own(state: TenantState, ids: Sequence[str]) -> list[str]:
    return [ident for ident in state.hooks if not ids or ident in ids]


def _report(outcomes: Sequence[tuple[str, HookOutcome]], found: Sequence[Looked]) -> None:
    """Print what became of each; where one did not go well, the command ends with 1."""
    for source, outcome in outcomes:
        echo(
            f"{source} {outcome.tells + ' ' if outcome.tells else ''}{escaped(outcome.sentence)}", err=not outcome.well
        )
    if not all(outcome.well for _, outcome in outcomes):
        _say_faults(found)
        raise SystemExit(1)


def _end(found: Sequence[Looked]) -> None:
    """End the command with 1 where a tenant's platform could not be asked."""
    if _say_faults(found):
        raise SystemExit(1)


def _say_faults(found: Sequence[Looked]) -> bool:
    for each in found:
        if each.fault:
            echo(f"{each.account.source} was not asked: {each.fault}", err=True)
    return any(each.fault for each in found)


def _sentence(fault: Exception) -> str:
    return escaped(str(fault))
