"""`headrace leads`: which leads are watched, where a platform is read lead by lead."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

import click
import msgspec

from headrace.cli import _arguments as arguments
from headrace.cli._feed_rows import calls_take, limits_of
from headrace.cli._formatting import count, sentence, span
from headrace.cli._input_files import opened
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._lead_files import CannotRead, leads_of
from headrace.cli._lead_rows import dropped_leads, lead_rows, write, write_dropped
from headrace.cli._output import echo, echo_json
from headrace.cli._staleness import warn_of_staleness
from headrace.cli._tenant_options import of_a_tenant
from headrace.cli._watch_list import BAR_FROM_LEADS, canonical, checked_leads, read_state, write_counted
from headrace.config.tenants import Account
from headrace.poller.state import TenantState
from headrace.poller.watch_list import append_leads, remove_leads, restore_leads, wake_leads
from headrace.sdk.feed import Feed, Polled
from headrace.sdk.provider import Provider


@click.group("leads")
def command() -> None:
    """Show and change which leads are watched.

    Some platforms list events only lead by lead. Headrace reads the leads that it knows of: those of this list, those
    in the configuration (leads = […]), and those that feeds, webhooks and events name, which it adds by itself.
    """


@command.command("add", short_help="watch leads")
@of_a_tenant
@click.argument("leads", metavar="LEAD...", nargs=-1, required=True)
@click.pass_context
def add(ctx: click.Context, provider: Provider, tenant: str, leads: tuple[str, ...]) -> None:
    """Watch LEADs from now on; they are read next.

    \b
      headrace leads add -p PROVIDER -t acme 81 82
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    _watch(ctx, provider, tenant, checked_leads(leads))


@command.command("import", short_help="watch all leads of a file")
@of_a_tenant
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


@command.command("list", short_help="list the leads that are watched, and those that were dropped")
@of_a_tenant
@click.option("--dropped", is_flag=True, help="Only leads that were dropped or are held back, and why.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a lead.")
@click.pass_context
def list_(ctx: click.Context, provider: Provider, tenant: str, dropped: bool, as_json: bool) -> None:  # noqa: FBT001  (click passes flags so)
    """List the leads that are watched: who named each, since when, and when it was last read.

    A lead that the platform alone of others does not know, seven times over days, is dropped: it is watched no more.
    Where more than one in a hundred (and more than ten) would be dropped within an hour, they are held back: they stay
    watched. The state says which, or how often a lead was gone so far.

    \b
      headrace leads list -p PROVIDER -t acme
      headrace leads list -p PROVIDER -t acme --dropped
      headrace leads list -p PROVIDER -t acme --json | jq -r 'select(.state != "dropped").lead'
    """  # noqa: D301  (as above)
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    state = run_with_kafka(config, read_state(config, account))
    found = lead_rows(state, canonical(settings, settings.leads))
    if dropped:
        found = [lead for lead in found if lead.state != "watched"]
    if as_json:
        for lead in found:
            echo_json(msgspec.json.encode(lead))
    elif not found:
        sentence(f"No lead of {account.source} {'was dropped or is held back' if dropped else 'is watched'}.")
    elif dropped:
        write_dropped(found, datetime.now(UTC))
    else:
        write(found, account.source, datetime.now(UTC))
        if account.settings.paused:
            sentence("The tenant is paused: none of them is read until it goes on.")


@command.command("remove", short_help="watch leads no more")
@of_a_tenant
@click.argument("leads", metavar="LEAD...", nargs=-1, required=True)
@click.pass_context
def remove(ctx: click.Context, provider: Provider, tenant: str, leads: tuple[str, ...]) -> None:
    """Stop watching LEADs. A feed, webhook or event that names one later adds it again.

    \b
      headrace leads remove -p PROVIDER -t acme 81
    """  # noqa: D301  (as above)
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    named = canonical(settings, checked_leads(leads))
    state = run_with_kafka(config, read_state(config, account))
    known = [lead for lead in named if lead in state.leads or lead in state.dropped]
    if known:
        run_with_kafka(config, write_counted(remove_leads(config, account.source, known), len(known)))
    sentence(f"{count(len(known), 'lead')} of {account.source} removed{_rest(len(named) - len(known))}.")
    for lead in sorted(set(named) & set(canonical(settings, settings.leads))):
        sentence(f"{lead} is watched all the same: take it out of leads in the configuration", err=True)


@command.command("wake", short_help="read leads next")
@of_a_tenant
@click.argument("leads", metavar="LEAD...", nargs=-1, required=True)
@click.pass_context
def wake(ctx: click.Context, provider: Provider, tenant: str, leads: tuple[str, ...]) -> None:
    """Read LEADs next, those too that rest after failures. It takes a running poller.

    \b
      headrace leads wake -p PROVIDER -t acme 81
    """  # noqa: D301  (as above)
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    feeds = [feed.name for feed in _feeds(account) if feed.by_lead]
    if not feeds:
        raise click.ClickException(f"no feed of {account.source} is read lead by lead: see headrace feeds wake")
    named = canonical(settings, checked_leads(leads))
    state = run_with_kafka(config, read_state(config, account))
    watched = {*state.leads, *canonical(settings, settings.leads)}
    known = [lead for lead in named if lead in watched]
    if known:
        run_with_kafka(config, write_counted(wake_leads(config, account.source, feeds, known), len(known)))
    sentence(f"{count(len(known), 'lead')} of {account.source} woken{_rest(len(named) - len(known))}.")
    _point_to_dropped(state, named)
    _warn_of_no_polling(account)


@command.command("restore", short_help="watch leads again that were dropped")
@of_a_tenant
@click.option("--all", "everyone", is_flag=True, help="All leads that were dropped.")
@click.argument("leads", metavar="[LEAD...]", nargs=-1)
@click.pass_context
def restore(ctx: click.Context, provider: Provider, tenant: str, everyone: bool, leads: tuple[str, ...]) -> None:  # noqa: FBT001  (as above)
    """Watch LEADs again that were dropped, or all of them; each is read on from where it was.

    \b
      headrace leads restore -p PROVIDER -t acme 81 82
      headrace leads restore -p PROVIDER -t acme --all
    """  # noqa: D301  (as above)
    if bool(leads) == everyone:
        raise click.UsageError("name the leads, or say --all")
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    state = run_with_kafka(config, read_state(config, account))
    dropped = dropped_leads(state)
    named = list(dropped) if everyone else canonical(settings, checked_leads(leads))
    known = {lead: dropped[lead] for lead in named if lead in dropped}
    if known:
        run_with_kafka(config, write_counted(restore_leads(config, account.source, known), len(known)))
    unknown = len(named) - len(known)
    sentence(
        f"{count(len(known), 'lead')} of {account.source} restored"
        + (f"; {unknown:,} not among the dropped" if unknown else "")
        + "."
    )
    _warn_of_no_polling(account)


def _feeds(account: Account) -> Sequence[Feed]:
    return account.provider.feeds(account.settings) if isinstance(account.provider, Polled) else ()


def _point_to_dropped(state: TenantState, named: Iterable[str]) -> None:
    gone = len(dropped_leads(state).keys() & set(named))
    if gone:
        them = "1 of them was dropped: headrace leads restore takes it back"
        echo(them if gone == 1 else f"{gone:,} of them were dropped: headrace leads restore takes them back", err=True)


def _warn_of_no_polling(account: Account) -> None:
    if not account.settings.polling:
        sentence("Nobody reads them yet: set polling = true for this tenant, and run a poller.", err=True)


def _rest(unknown: int) -> str:
    return f"; {unknown:,} not on the list" if unknown else ""


def _watch(ctx: click.Context, provider: Provider, tenant: str, leads: Sequence[str]) -> None:
    """Write those leads that are new, and print how many they were."""
    config = arguments.configuration(ctx)
    account, settings = arguments.polled(config, provider, tenant)
    leads = canonical(settings, leads)
    state = run_with_kafka(config, read_state(config, account))
    new = [lead for lead in leads if lead not in state.leads]
    if new:
        run_with_kafka(config, write_counted(append_leads(config, account.source, new), len(new)))
    known = len(leads) - len(new)
    sentence(
        f"{count(len(new), 'new lead')} of {account.source}" + (f"; {known:,} watched before" if known else "") + "."
    )
    limits = limits_of(account)
    if limits is not None and len(new) >= BAR_FROM_LEADS:
        took = span(calls_take(len(new), limits, state.standing.left), 1)
        sentence(
            f"To read each of them once takes {took} or more at this budget: headrace feeds counts those never read."
        )
    if limits is not None:
        warn_of_staleness(account, state, limits, len({*state.leads, *new, *canonical(settings, settings.leads)}))
    _warn_of_no_polling(account)


def _read(stream: BinaryIO, column: str | None) -> list[str]:
    try:
        return list(dict.fromkeys(leads_of(stream, column)))
    except CannotRead as reason:
        raise click.ClickException(str(reason)) from None
