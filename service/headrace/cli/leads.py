"""`headrace leads`: which leads are watched, where a platform is read lead by lead."""

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import click
import msgspec
from msgspec import UNSET, Struct, UnsetType

from headrace.cli import _arguments as arguments
from headrace.cli._feed_rows import calls_take, limits_of
from headrace.cli._formatting import clock, count, span, table
from headrace.cli._input_files import opened
from headrace.cli._kafka_errors import existing_topics, run_with_kafka
from headrace.cli._lead_files import CannotRead, checked, leads_of
from headrace.cli._output import echo, echo_json
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.timestamps import from_millis
from headrace.poller.state import TenantState, read_all
from headrace.poller.watch_list import append_leads, remove_leads
from headrace.sdk.provider import Provider
from headrace.sdk.settings import PolledTenant

_BAR_FROM_LEADS: Final = 2_000
"""Leads from which a progress bar is shown."""

_tenant_options: Final = (
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


def _of_a_tenant(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_tenant_options):
        function = option(function)
    return function


class Lead(Struct, frozen=True, omit_defaults=True):
    """One watched lead, as `--json` writes it: who named it when, when it was read, when it last had news."""

    lead: str
    by: str
    since: str | UnsetType = UNSET
    read: str | UnsetType = UNSET
    news: str | UnsetType = UNSET


@click.group("leads")
def command() -> None:
    """Show and change which leads are watched.

    Some platforms list events only lead by lead. Headrace reads the leads that it knows of: those of this list, those
    in the configuration (leads = […]), and those that feeds, webhooks and events name, which it adds by itself.
    """


@command.command("add", short_help="watch leads")
@_of_a_tenant
@click.argument("leads", metavar="LEAD...", nargs=-1, required=True)
@click.pass_context
def add(ctx: click.Context, provider: Provider, tenant: str, leads: tuple[str, ...]) -> None:
    """Watch LEADs from now on; they are read next.

    \b
      headrace leads add -p PROVIDER -t acme 81 82
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    _watch(ctx, provider, tenant, _checked(leads))


@command.command("import", short_help="watch all leads of a file")
@_of_a_tenant
@click.option("--column", metavar="NAME", help="Column, or key, that holds the lead; by default lead, lead id or id.")
@click.argument("file", metavar="FILE", type=arguments.FILE)
@click.pass_context
def import_(ctx: click.Context, provider: Provider, tenant: str, column: str | None, file: str) -> None:
    """Watch all leads of a FILE: CSV, one lead a line, or NDJSON; - reads standard input.

    The whole file is read before anything is written. Importing it twice does no harm.

    \b
      headrace leads import -p PROVIDER -t acme leads.csv
      headrace leads import -p PROVIDER -t acme --column contact_id export.csv
      jq -c '{lead: .contact.id}' crm.ndjson | headrace leads import -p PROVIDER -t acme -
    """  # noqa: D301  (as above)
    with opened(file) as stream:
        leads = _read(stream, column)
    if not leads:
        raise click.ClickException(f"{'standard input' if file == '-' else file} names no lead")
    _watch(ctx, provider, tenant, leads)


@command.command("list", short_help="list the leads that are watched")
@_of_a_tenant
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a lead.")
@click.pass_context
def list_(ctx: click.Context, provider: Provider, tenant: str, as_json: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """List the leads that are watched: who named each, since when, and when it was last read.

    \b
      headrace leads list -p PROVIDER -t acme
      headrace leads list -p PROVIDER -t acme --json | jq -r .lead
    """  # noqa: D301  (as above)
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    found = _listed(settings, run_with_kafka(config, _read_state(config, account)))
    if as_json:
        for lead in found:
            echo_json(msgspec.json.encode(lead))
        return
    if not found:
        echo(f"No lead of {account.source} is watched.")
        return
    now = datetime.now(UTC)
    moments = ((_clock(lead.since, now), _clock(lead.read, now), _clock(lead.news, now)) for lead in found)
    rows = [(lead.lead, lead.by, *times) for lead, times in zip(found, moments, strict=True)]
    table(("lead", "named by", "since", "read", "news"), rows, right=("since", "read", "news"))
    echo()
    echo(f"{count(len(found), 'lead')} of {account.source}.")


@command.command("remove", short_help="watch leads no more")
@_of_a_tenant
@click.argument("leads", metavar="LEAD...", nargs=-1, required=True)
@click.pass_context
def remove(ctx: click.Context, provider: Provider, tenant: str, leads: tuple[str, ...]) -> None:
    """Stop watching LEADs. A feed, webhook or event that names one later adds it again.

    \b
      headrace leads remove -p PROVIDER -t acme 81
    """  # noqa: D301  (as above)
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    named = _canonical(settings, _checked(leads))
    state = run_with_kafka(config, _read_state(config, account))
    known = [lead for lead in named if lead in state.leads]
    if known:
        run_with_kafka(config, _write(remove_leads(config, account.source, known), len(known)))
    echo(f"{count(len(known), 'lead')} of {account.source} removed{_rest(len(named) - len(known))}.")
    for lead in sorted(set(named) & set(_canonical(settings, settings.leads))):
        echo(f"{lead} is watched all the same: take it out of leads in the configuration", err=True)


def _rest(unknown: int) -> str:
    return f"; {unknown:,} not on the list" if unknown else ""


def _watch(ctx: click.Context, provider: Provider, tenant: str, leads: Sequence[str]) -> None:
    """Write those leads that are new, and print how many they were."""
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    leads = _canonical(settings, leads)
    state = run_with_kafka(config, _read_state(config, account))
    new = [lead for lead in leads if lead not in state.leads]
    if new:
        run_with_kafka(config, _write(append_leads(config, account.source, new), len(new)))
    known = len(leads) - len(new)
    echo(f"{count(len(new), 'new lead')} of {account.source}" + (f"; {known:,} watched before" if known else "") + ".")
    limits = limits_of(account)
    if limits is not None and len(new) >= _BAR_FROM_LEADS:
        took = span(calls_take(len(new), limits, state.standing.left), 1)
        echo(f"To read each of them once takes {took} or more at this budget: headrace feeds counts those never read.")
    if not account.settings.polling:
        echo("Nobody reads them yet: set polling = true for this tenant, and run a poller.", err=True)


async def _read_state(config: Config, account: Account) -> TenantState:
    await existing_topics(config, "cursors", "nudges")
    return (await read_all(config)).of(account.source)


async def _write(counts: AsyncIterator[int], length: int) -> None:
    """Write, with a progress bar on a terminal where it takes a while."""
    with _bar(length) as move:
        before = 0
        async for done in counts:
            move(done - before)
            before = done


@contextlib.contextmanager
def _bar(length: int) -> Any:
    """Yield what moves a progress bar on."""
    hidden = length < _BAR_FROM_LEADS or not sys.stderr.isatty()
    with click.progressbar(length=length, label="leads", file=sys.stderr, show_pos=True, hidden=hidden) as bar:
        yield bar.update


def _checked(leads: Iterable[str]) -> list[str]:
    try:
        return list(dict.fromkeys(checked(lead, "LEAD") for lead in leads))
    except CannotRead as reason:
        raise click.ClickException(str(reason)) from None


def _canonical(settings: PolledTenant, leads: Iterable[str]) -> list[str]:
    """Return leads as the provider's subjects have them, each once: ids that differ in case are one lead."""
    return list(dict.fromkeys(filter(None, map(settings.canonical_lead, leads))))


def _read(stream: BinaryIO, column: str | None) -> list[str]:
    try:
        return list(dict.fromkeys(leads_of(stream, column)))
    except CannotRead as reason:
        raise click.ClickException(str(reason)) from None


def _listed(settings: PolledTenant, state: TenantState) -> list[Lead]:
    """Return the watched leads in the order of their ids."""
    read: dict[str, int] = {}
    for (_, lead), position in state.positions.items():
        read[lead] = max(read.get(lead, 0), position.at)
    named = {lead: (watched.by, watched.added, watched.woken) for lead, watched in state.leads.items()}
    named |= {lead: ("settings", 0, 0) for lead in _canonical(settings, settings.leads) if lead not in named}
    return [
        Lead(lead, by, _moment(added), _moment(read.get(lead, 0)), _moment(woken))
        for lead, (by, added, woken) in sorted(named.items())
    ]


def _moment(millis: int) -> str | UnsetType:
    return from_millis(millis) if millis else UNSET


def _clock(moment: str | UnsetType, now: datetime) -> str:
    return "-" if moment is UNSET else clock(moment, now)
