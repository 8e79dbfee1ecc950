"""`headrace taxonomy`: list the words of events, and the native codes that are not mapped."""

from collections.abc import Sequence
from typing import Any, Final

import click

from headrace.cli import _arguments as arguments
from headrace.cli._code_rows import print_codes
from headrace.cli._code_uses import EventFilter
from headrace.cli._codes_today import OPEN
from headrace.cli._formatting import definitions, sentence
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._letter_filter import moment
from headrace.cli._mapping_parts import parts
from headrace.cli._open_codes import encode, open_codes
from headrace.cli._output import echo, echo_json, styled
from headrace.cli._taxonomy_draft import draft
from headrace.cli._taxonomy_tables import docs, show
from headrace.core.mapping_keys import WORDS
from headrace_events import Via, Word

_LISTS: Final[dict[str, type[Word]]] = WORDS | {"via": Via}


@click.group("taxonomy")
def command() -> None:
    """List the words of events and the tables behind them, and the native codes that have no word yet.

    Nothing is guessed: a code without a row is published as "unmapped" with the code in it, and a row that stands for a
    whole range is marked provisional. `unmapped` lists both; rows in a tenant's mapping decide them. `draft` writes
    such rows for you to finish, `targets` lists all that a row may say, and `show` prints the rows that there are.
    """


for each in (draft, show, docs):
    command.add_command(each)


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
@click.option("--since", type=moment, metavar="TIME", help="Only events published since: 2026-08-08T09:00Z, or 2h.")
@click.option("--until", type=moment, metavar="TIME", help="Only events published before.")
@click.option("--all", "whole", is_flag=True, help="Also those that have a row of their own today, and as what.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with samples, fields and status words.")
@click.pass_context
def unmapped(ctx: click.Context, /, whole: bool, as_json: bool, **options: Any) -> None:  # noqa: FBT001  (click passes flags so)
    """List the native codes, of all events on Kafka, whose row is missing or provisional.

    Today's tables and overlays are asked: what they decide is no longer listed, but with --all, where a code stands
    once for each type that it is today. Events that were published stay as they are until a `headrace replay`.

    `last` and `first` are when events of a code were published, `sample` is one of their records on raw
    (PARTITION@OFFSET); a narrow terminal leaves them out. Below stands a guess at the type with its reason, for each
    code whose name is like something known. Nothing applies a guess: `headrace taxonomy draft` writes the rows for you
    to finish.

    \b
      headrace taxonomy unmapped -t acme --since 7d
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config, wanted = arguments.configuration(ctx), EventFilter(**options)
    arguments.warn_of_unconfigured(config, wanted.provider, wanted.tenant)
    found = run_with_kafka(config, open_codes(config, wanted))
    listed = [one for one in found.codes if whole or one.today == OPEN]
    if as_json:
        for one in listed:
            echo_json(encode(one))
    elif listed:
        print_codes(listed, whole=whole)
    else:
        codes = {(one.source, one.resource, one.code) for one in found.codes}
        decided = f" today; --all lists {len(codes):,} that had none" if codes else ""
        sentence(f"Every {'code' if found.codes else 'event'} on Kafka has a row of its own{decided}.")
    without = sorted({one.source[1:] for one in found.codes} & {source[1:] for source in config.tenants.left_out})
    if without:
        sentence(
            f"{', '.join(without)}: listed as if without rows of its own; what runs still uses those it had.", err=True
        )
    if found.remark:
        echo(found.remark, err=True)
