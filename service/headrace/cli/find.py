"""`headrace find`: what became of one event, or of what happened to one lead."""

import time
from datetime import datetime
from typing import Any, Final

import click
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._find_lead import search_lead
from headrace.cli._find_page import gone_before, show_reads, show_trail, trail_line
from headrace.cli._find_query import (
    SoughtId,
    lead_keys,
    sought_by_event_id,
    sought_by_native_id,
    sources,
    split_source,
)
from headrace.cli._find_scan import search_ids
from headrace.cli._formatting import sentence
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._lead_page import show_lead
from headrace.cli._letter_filter import moment
from headrace.cli._output import echo_json, is_read
from headrace.config import Config
from headrace.kafka.partition_scan import ScanSpan
from headrace.sdk.provider import Provider

_DEFAULT_SINCE: Final = "7d"


class FindOptions(Struct, kw_only=True):
    """What the command line asks for."""

    event: str | None
    native: str | None
    lead: str | None
    source: str | None
    provider: Provider | None
    tenant: str | None
    resource: str | None
    since: datetime | None
    until: datetime | None
    everywhere: bool
    most: int
    as_json: bool

    @property
    def span(self) -> ScanSpan:
        """The append times that are looked at."""
        since = self.since or moment(_DEFAULT_SINCE)
        return ScanSpan(_millis(since), None if self.until is None else _millis(self.until))


@click.command("find")
@click.option("--id", "event", metavar="ID", help="An event's id, whole or without its version: call/c-2207.")
@click.option("--native", metavar="ID", help="The platform's id of a record; needs -p.")
@click.option("--lead", metavar="ID", help="The platform's id of a lead: its events.")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Provider name.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Tenant name; default: all.")
@click.option("--source", metavar="SOURCE", help="Both in one, as events have it: /PROVIDER/TENANT.")
@click.option("-r", "--resource", metavar="NAME", help="With --native: only this resource; default: all.")
@click.option(
    "--since", type=moment, metavar="TIME", help="Only what came since: 2026-08-08T09:00Z, or 2h; default: 7d."
)
@click.option("--until", type=moment, metavar="TIME", help="Only what came before.")
@click.option("--everywhere", is_flag=True, help="Read all partitions: where their number was changed.")
@click.option(
    "-n",
    "most",
    type=click.IntRange(1, 10_000),
    default=50,
    metavar="N",
    help="With --lead: the newest N; default: 50.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object an id, or an event of a lead.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Show what became of one event: how it came, its copies and their fates, its versions, and why.

    An id has one partition of raw, and its events one of events: only those are read, and standard error says how
    much that was. A copy's fate is certain where events or dead-letters name it; any other is worked out with the
    tables of today and marked *. Without a tenant all that are configured are looked at. --lead lists a lead's events
    with their raw records instead. Nothing is written. The exit code is 1 where nothing is found.

    \b
      headrace find --id call/c-2207 -p PROVIDER -t acme
      headrace find -p PROVIDER -t acme --native c-2207 --since 30d
      headrace find --source /PROVIDER/acme --lead 4711 --json | jq .event.type
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    asked_for = FindOptions(**options)
    _check(asked_for)
    config = arguments.configuration(ctx)
    if not sources(config, asked_for.provider, asked_for.tenant):
        of = "" if asked_for.tenant is None else f' "{asked_for.tenant}"'
        raise click.UsageError(f"no tenant{of} is configured: name one that was with -p and -t")
    found = _find_lead(config, asked_for) if asked_for.lead is not None else _find_ids(config, asked_for)
    ctx.exit(0 if found else 1)


def _check(options: FindOptions) -> None:
    """Raise `UsageError` where the options do not fit together."""
    if sum(one is not None for one in (options.event, options.native, options.lead)) != 1:
        raise click.UsageError("name one of --id, --native and --lead")
    if options.source is not None:
        if options.provider is not None or options.tenant is not None:
            raise click.UsageError("--source names provider and tenant: leave out -p and -t")
        options.provider, options.tenant = split_source(options.source)
    if options.native is not None and options.provider is None:
        raise click.UsageError("--native needs -p: each platform has ids of its own")
    if options.resource is not None and options.native is None:
        raise click.UsageError("--resource belongs to --native")
    if "…" in (options.event or options.native or options.lead or ""):
        raise click.UsageError("this id is shortened, as terminals show it: `headrace tail | cat` has it whole")


def _sought(config: Config, options: FindOptions) -> list[SoughtId]:
    if options.event is not None:
        return sought_by_event_id(config, options.event, options.provider, options.tenant)
    if options.native is None or options.provider is None:
        return []
    return sought_by_native_id(config, options.native, options.provider, options.tenant, options.resource)


def _find_ids(config: Config, options: FindOptions) -> bool:
    sought = _sought(config, options)
    began = time.monotonic()
    found = run_with_kafka(config, search_ids(config, sought, options.span, everywhere=options.everywhere))
    for trail in found.trails:
        if options.as_json:
            echo_json(trail_line(trail, found.reads, found.notes))
        else:
            account = config.tenants.by_source.get(trail.sought.source)
            show_trail(trail, account.mapping_id if account else "")
        if not is_read():
            return True
    show_reads(found.reads, [*found.notes, *gone_before(found.reads), f"{time.monotonic() - began:.1f} s in all"])
    if not found.trails:
        _nothing(options, options.event or f"native id {options.native}")
    return bool(found.trails)


def _find_lead(config: Config, options: FindOptions) -> bool:
    keys = lead_keys(sources(config, options.provider, options.tenant), options.lead or "")
    searching = search_lead(config, keys, options.span, options.most, everywhere=options.everywhere)
    found = run_with_kafka(config, searching)
    if options.as_json:
        for one in found.events:
            echo_json(one.line())
    elif found.events:
        show_lead(found)
    show_reads(found.reads, gone_before(found.reads))
    if not found.events:
        _nothing(options, f"lead {options.lead}")
    return bool(found.events)


def _nothing(options: FindOptions, what: str) -> None:
    since = "in the last 7 days" if options.since is None else f"since {options.since:%Y-%m-%dT%H:%MZ}"
    more = "" if options.everywhere else ", and --everywhere in all partitions"
    sentence(f"Nothing of {what} {since}: --since looks further back{more}.", err=True)


def _millis(when: datetime) -> int:
    return int(when.timestamp() * 1000)
