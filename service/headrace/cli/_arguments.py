"""Options that several commands share: the configuration, a provider, a tenant, a resource."""

import os
from collections.abc import Collection, Iterable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from headrace.cli._formatting import count, sentence
from headrace.cli._output import echo
from headrace.config import Config, load
from headrace.config.load import Loaded, load_what_is_sound
from headrace.config.tenants import Account
from headrace.core.suggestions import did_you_mean
from headrace.core.toml_lines import FileFault, FileFaults
from headrace.providers.discover import discover
from headrace.sdk.feed import Polled
from headrace.sdk.provider import Provider
from headrace.sdk.settings import PolledTenant

FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True)
"""A file that can be read, or - for standard input."""

_MOST_NAMED: Final = 8
_BROKEN: Final = "the configuration cannot be used:\n"


def whole_configuration(ctx: click.Context) -> Config:
    """Return the configuration that the command line names; any fault in it ends the command."""
    try:
        return load(ctx.find_root().obj, os.environ)
    except FileFaults as faults:
        raise _unusable(faults.faults) from None


def configuration(ctx: click.Context) -> Config:
    """Return the configuration with its sound tenants. Others are reported; a fault that is no tenant's ends it."""
    found = loaded(ctx)
    left_out = [source[1:] for source in found.config.tenants.left_out]
    if found.faults:
        named = _listed(left_out) or f"{count(len(found.faults), 'thing')} below [tenants]"
        sentence(f"Left out, because not everything is right with it: {named} (`headrace check` says what).", err=True)
    return found.config


def loaded(ctx: click.Context) -> Loaded:
    """Return the configuration as far as it is sound; a fault that is no tenant's ends the command."""
    found = sound_part(ctx)
    if found.service_faults:
        raise _unusable(found.faults)
    return found


def sound_tenants(ctx: click.Context) -> Config:
    """Return the configuration for what uses its tenants alone: all that are sound, whatever else is wrong."""
    return sound_part(ctx).config


def sound_part(ctx: click.Context) -> Loaded:
    """Return the configuration as far as it is sound, whatever else is wrong; what is no TOML ends the command."""
    try:
        return load_what_is_sound(ctx.find_root().obj, os.environ)
    except FileFaults as faults:
        raise _unusable(faults.faults) from None


def _unusable(faults: Iterable[FileFault]) -> click.ClickException:
    return click.ClickException(_BROKEN + _lines(faults))


def _lines(faults: Iterable[FileFault]) -> str:
    return "\n".join(f"  {fault}" for fault in sorted(faults))


class ProviderType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """The provider that an option names; shells complete it."""

    name = "provider"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Provider:  # noqa: ARG002  (click's signature)
        """Return the provider. Raises `BadParameter` with those that exist."""
        providers = discover()
        if value in providers:
            return providers[value]
        raise click.BadParameter(f'"{value}" is none of {_listed(providers)}{did_you_mean(value, providers)}')

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  (as above)
        """Return the providers that begin so."""
        return [CompletionItem(name) for name in discover() if name.startswith(incomplete)]


class TenantType(click.ParamType):  # type: ignore[type-arg]  # as above
    """The name of a tenant; shells complete it from the configuration, of the provider that is named already."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  (as above)
        """Return the tenants that begin so; none where there is no configuration that can be read."""
        try:
            tenants = load_what_is_sound(ctx.find_root().obj, os.environ).config.tenants
        except FileFaults:
            return []
        of = ctx.params.get("provider")
        named = [source[1:].partition("/") for source in (*tenants.by_source, *tenants.left_out)]
        names = sorted({tenant for name, _, tenant in named if of is None or name == of.name})
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


PROVIDER: Final = ProviderType()
TENANT: Final = TenantType()


def account(config: Config, of: Provider, tenant: str) -> Account:
    """Return a tenant, or end the command with a list of those that exist."""
    found = config.tenants.get(of.name, tenant)
    check_left_out(config, of, tenant)
    if found is None:
        names = [each.name for each in config.tenants if each.provider.name == of.name]
        have = f"{_listed(names)} of {of.name} {'are' if len(names) > 1 else 'is'}" if names else "no other is either"
        raise click.ClickException(
            f'tenant "{tenant}" is not configured, {have}: add [tenants.{of.name}.{tenant}] to headrace.toml'
            + did_you_mean(tenant, names)
        )
    return found


def check_left_out(config: Config, of: Provider | None, tenant: str) -> None:
    """End the command where a tenant of that name is configured, and something is wrong with it."""
    for source, faults in config.tenants.left_out.items():
        provider, _, name = source[1:].partition("/")
        if name == tenant and (of is None or of.name == provider):
            raise click.ClickException(f'tenant "{tenant}" of {provider} cannot be used:\n{_lines(faults)}')


def check_configured(config: Config, of: Provider | None, tenant: str | None) -> None:
    """End the command where a filter fits no tenant that is configured, or only such as cannot be used."""
    if tenant is not None and not any(_fits(account.source, of, tenant) for account in config.tenants):
        check_left_out(config, of, tenant)
    if reason := _unconfigured(config, of, tenant):
        raise click.BadParameter(reason, param_hint="--provider" if tenant is None else "--tenant")


def warn_of_unconfigured(config: Config, of: Provider | None, tenant: str | None) -> None:
    """Write that a filter fits no tenant that is configured: of one that was, there may be records all the same."""
    if reason := _unconfigured(config, of, tenant):
        echo(f"{reason[0].upper()}{reason[1:]}", err=True)


def _unconfigured(config: Config, of: Provider | None, tenant: str | None) -> str:
    """Return that a filter fits no tenant that is configured, "" where it fits one."""
    known = [*config.tenants.by_source, *config.tenants.left_out]
    if (of is None and tenant is None) or any(_fits(source, of, tenant) for source in known):
        return ""
    named = "" if tenant is None else f' is called "{tenant}"'
    names = {source.rpartition("/")[2] for source in known if _fits(source, of, None)}
    whose = "no tenant" if of is None else f"no tenant of {of.name}"
    return f"{whose}{named or ' is configured'}{did_you_mean(tenant or '', names)}; {_shown(known)}"


def _shown(sources: Collection[str]) -> str:
    shown = [source[1:] for source in sorted(sources)]
    rest = f" and {len(shown) - _MOST_NAMED:,} more" if len(shown) > _MOST_NAMED else ""
    return f"configured are {_listed(shown[:_MOST_NAMED])}{rest}" if shown else "no tenant is configured at all"


def _fits(source: str, of: Provider | None, tenant: str | None) -> bool:
    provider, _, name = source[1:].partition("/")
    return (of is None or of.name == provider) and tenant in (None, name)


def polled(config: Config, of: Provider, tenant: str) -> tuple[Account, PolledTenant]:
    """Return a tenant whose platform can be polled, with its settings, or end the command."""
    found = account(config, of, tenant)
    if not isinstance(found.provider, Polled) or not isinstance(found.settings, PolledTenant):
        raise click.ClickException(f"{of.name} cannot be polled")
    return found, found.settings


def check_resource(of: Provider, resource: str | None) -> None:
    """End the command where the provider has no such resource."""
    if resource is not None and resource not in of.resources:
        wide = max(map(len, of.resources))
        lines = [f"  {name:<{wide}}  {meaning}" for name, meaning in of.resources.items()]
        raise click.BadParameter(
            f'{of.name} has no "{resource}"{did_you_mean(resource, of.resources)}; it has\n' + "\n".join(lines),
            param_hint="--resource",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
