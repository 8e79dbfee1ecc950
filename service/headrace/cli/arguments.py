"""What several commands are told: the configuration, a provider, a tenant, a resource."""

import os
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from headrace.config import Config, load
from headrace.providers.base import Provider
from headrace.providers.discover import discover
from headrace.tables import did_you_mean
from headrace.tenants import Account
from headrace.toml_lines import Faults

_BROKEN: Final = "the configuration cannot be used:\n"


def configuration(ctx: click.Context) -> Config:
    """Load the configuration that the command line asks for; everything that is wrong ends the command."""
    try:
        return load(ctx.find_root().obj, os.environ)
    except Faults as faults:
        raise click.ClickException(_BROKEN + "\n".join(f"  {fault}" for fault in faults.faults)) from None


class ProviderType(click.ParamType):
    """A provider's name on the command line, the provider in the program."""

    name = "provider"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Provider:
        """Find a provider."""
        providers = discover()
        if value not in providers:
            self.fail(f'"{value}" is unknown{did_you_mean(value, providers)}; known are {_all(providers)}', param, ctx)
        return providers[value]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  (click's signature)
        """Complete a provider's name."""
        return [CompletionItem(name) for name in discover() if name.startswith(incomplete)]


def account(config: Config, provider: Provider, tenant: str) -> Account:
    """Find a tenant, or end the command with those that there are."""
    found = config.tenants.get(provider.name, tenant)
    if found is None:
        names = [each.name for each in config.tenants if each.provider.name == provider.name]
        have = f"{did_you_mean(tenant, names)}; {provider.name} has {_all(names)}" if names else ""
        raise click.ClickException(
            f'tenant "{tenant}" is not configured{have}: add [tenants.{provider.name}.{tenant}] to headrace.toml'
        )
    return found


def check_resource(provider: Provider, resource: str | None) -> None:
    """End the command where a provider has no such resource."""
    if resource is not None and resource not in provider.resources:
        lines = [f"  {name:<14} {told}" for name, told in provider.resources.items()]
        raise click.BadParameter(
            f'{provider.name} has no "{resource}"{did_you_mean(resource, provider.resources)}; it has\n'
            + "\n".join(lines),
            param_hint="--resource",
        )


def _all(names: Any) -> str:
    return ", ".join(names)
