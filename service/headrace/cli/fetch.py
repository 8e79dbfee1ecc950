"""`headrace fetch`: append one record of a platform to raw, by its id."""

import click

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import count, sentence
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.observe.escapes import escaped
from headrace.poller.fetch_one import fetch
from headrace.poller.platform_client import Unready, client_of
from headrace.sdk.faults import Fault, Gone
from headrace.sdk.provider import Provider
from headrace_events import RawPosition


@click.command("fetch")
@click.option("-p", "--provider", type=arguments.PROVIDER, required=True, help="Provider name.")
@click.option(
    "-t",
    "--tenant",
    type=arguments.TENANT,
    metavar="NAME",
    required=True,
    help="Name of a configured tenant of the provider.",
)
@click.option("-r", "--resource", metavar="NAME", required=True, help="Kind of record; an unknown one lists all kinds.")
@click.argument("id", metavar="ID")
@click.pass_context
def command(ctx: click.Context, provider: Provider, tenant: str, resource: str, id: str) -> None:  # noqa: A002  (the design's word)
    """Ask a platform for the record with this ID and append it to raw; the normalizer does the rest.

    The record is treated as if a poll had brought it: what was published before is a duplicate. This makes one or two
    calls, which the poller counts in the tenant's budget. Where access tokens rotate, it uses the one that the poller
    has stored.

    \b
      headrace fetch -p PROVIDER -t acme -r event 70001
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    arguments.check_resource(provider, resource)
    config = arguments.configuration(ctx)
    account, _ = arguments.polled(config, provider, tenant)
    _check(account, resource, id)
    found = run_with_kafka(config, _fetch(config, account, resource, id))
    for at in found:
        sentence(f"{resource} {id} is in {config.topic_prefix}raw, partition {at.partition}, offset {at.offset}")
    if not found:
        raise click.ClickException(f"the platform's answer holds no {resource}")
    if len(found) > 1:
        sentence(f"The answer held {count(len(found), 'record')}.")


def _check(account: Account, resource: str, id: str) -> None:  # noqa: A002  (as above)
    """End the command where the tenant cannot be called, or no call brings such a resource."""
    try:
        client = client_of(account)
    except Unready as reason:
        raise click.ClickException(f"{reason}: add them to [tenants.{account.provider.name}.{account.name}]") from None
    if not client.provider.single(client.settings, resource, id):
        raise click.ClickException(f"the platform of {account.provider.name} has no call that brings one {resource}")


async def _fetch(config: Config, account: Account, resource: str, id: str) -> list[RawPosition]:  # noqa: A002  (as above)
    await existing_topics(config, "raw", "cursors", "nudges")
    try:
        return await fetch(config, account, resource, id)
    except Gone as fault:
        raise click.ClickException(f"{account.source} has no {resource} {id}: {escaped(str(fault))}") from None
    except Fault as fault:
        raise click.ClickException(f"{account.source} gave nothing: {escaped(str(fault))}") from None
