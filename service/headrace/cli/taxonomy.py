"""`headrace taxonomy`: list the words of events, and the native codes that are not mapped."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import clock, definitions, table
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._mapping_parts import parts
from headrace.cli._open_codes import OPEN, undecided_codes
from headrace.cli._output import echo, styled
from headrace.core.mapping_keys import WORDS
from headrace.sdk.provider import Provider
from headrace_events import Via, Word

_LISTS: Final[dict[str, type[Word]]] = WORDS | {"via": Via}


@click.group("taxonomy")
def command() -> None:
    """List the words of events, and the native codes that have none yet.

    Nothing is guessed: a code without a row is published as "unmapped" with the code in it, and a row that stands for a
    whole range is marked provisional. `unmapped` lists both; rows in a tenant's mapping decide them, and `targets`
    lists all that such a row may say.
    """


@command.command("words", short_help="list the closed words of an event, each with its meaning")
@click.argument("lists", metavar="[LIST]...", nargs=-1, type=click.Choice(tuple(_LISTS)))
def words(lists: Sequence[str]) -> None:
    """List the closed words of an event, each with its meaning.

    LIST is one or more of type, outcome, direction, channel, actor, traffic, via, and reach of mappings; without it,
    all are listed.

    \b
      headrace taxonomy words type | grep call
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    for name in lists or _LISTS:
        echo(styled(name, bold=True))
        definitions([(str(word), word.meaning) for word in _LISTS[name]])
        echo()


@command.command("targets", short_help="list all that a mapping may say")
def targets() -> None:
    """List all that a mapping may say: keys of a row, tables, places for lift, then the words that rows choose from.

    MAPPING.md has the same, and maps a code step by step.

    \b
      headrace taxonomy targets | grep times
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    for part in parts():
        echo(styled(part.title, bold=True))
        definitions([(row[0], row[1] + "".join(f" ({cell})" for cell in row[2:])) for row in part.rows])
        echo()


@command.command("unmapped", short_help="list the native codes without a row, and the provisional ones")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only this tenant's.")
@click.option("--all", "whole", is_flag=True, help="Also those that have a row of their own today, and as what.")
@click.pass_context
def unmapped(ctx: click.Context, provider: Provider | None, tenant: str | None, *, whole: bool) -> None:
    """List the native codes, of all events on Kafka, whose row is missing or provisional.

    Today's tables and overlays are asked: what they decide is no longer listed, but with --all. Events that were
    published stay as they are.

    \b
      headrace taxonomy unmapped -t acme
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = arguments.configuration(ctx)
    found = run_with_kafka(config, undecided_codes(config, provider, tenant))
    listed = [(code, use) for code, use in found if whole or use.today == OPEN]
    if not listed:
        decided = f" today; --all lists {len(found):,} that had none" if found else ""
        echo(f"Every {'code' if found else 'event'} on Kafka has a row of its own{decided}.")
        return
    listed.sort(key=lambda each: (each[0].source, -each[1].events))
    now = datetime.now(UTC)
    rows = [
        (
            code.source,
            code.resource,
            code.code,
            "-" if code.name in (None, "", code.code) else code.name,
            code.published_as,
            *((use.today,) if whole else ()),
            f"{use.events:,}",
            clock(use.last, now),
        )
        for code, use in listed
    ]
    titles = ("source", "resource", "code", "name", "published as", *(("today",) if whole else ()), "events", "last")
    table(titles, rows, right=("events", "last"), free=("name", "code"))
