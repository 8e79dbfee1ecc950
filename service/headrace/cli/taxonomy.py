"""`headrace taxonomy`: the words of events, and the native codes that nobody has mapped."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._event_lines import PROVISIONAL
from headrace.cli._formatting import clock, table
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._topic_reader import read_events
from headrace.config import Config
from headrace.core.mapping import UNMAPPED
from headrace.sdk.provider import Provider
from headrace_events import ActorKind, Channel, Direction, Event, Outcome, Traffic, Type, Via, Word

_LISTS: Final[dict[str, type[Word]]] = {
    "type": Type,
    "outcome": Outcome,
    "direction": Direction,
    "channel": Channel,
    "actor": ActorKind,
    "traffic": Traffic,
    "via": Via,
}


class Key(Struct, frozen=True):
    """What a native code is counted by."""

    source: str
    resource: str
    code: str
    name: str
    told_as: str


class Count(Struct):
    """How often a code was seen, and when last."""

    events: int = 0
    last: str = ""


@click.group("taxonomy")
def command() -> None:
    """List the words of events, and the native codes that have none yet.

    Nothing is guessed: a code without a row is published as "unmapped" with the code in it, and a row that stands for a
    whole range is marked provisional. `unmapped` lists both; a tenant's overlay gives them their words.
    """


@command.command("words", short_help="list the closed words of an event, each with its meaning")
@click.argument("lists", metavar="[LIST]...", nargs=-1, type=click.Choice(tuple(_LISTS)))
def words(lists: Sequence[str]) -> None:
    """List the closed words of an event, each with its meaning.

    LIST is one or more of type, outcome, direction, channel, actor, traffic, via; without it, all are listed.

    \b
      headrace taxonomy words type | grep call
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    for name in lists or _LISTS:
        click.secho(name, bold=True)
        wide = max(len(word) for word in _LISTS[name])
        for word in _LISTS[name]:
            click.echo(f"  {word:<{wide}}  {word.meaning}")
        click.echo()


@command.command("unmapped", short_help="list the native codes without a row, and the provisional ones")
@click.option("-p", "--provider", type=arguments.provider, help="Only this provider's.")
@click.option("-t", "--tenant", metavar="NAME", help="Only this tenant's.")
@click.pass_context
def unmapped(ctx: click.Context, provider: Provider | None, tenant: str | None) -> None:
    """List the native codes of all events that are kept on Kafka whose row is missing, or provisional.

    \b
      headrace taxonomy unmapped -t acme
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = arguments.configuration(ctx)
    counts = run_with_kafka(config, _count(config, provider, tenant))
    if not counts:
        click.echo("Every event that is kept has a row of its own.")
        return
    now = datetime.now(UTC)
    ordered = sorted(counts.items(), key=lambda pair: (pair[0].source, -pair[1].events))
    rows = [
        (key.source, key.resource, key.code, key.name or "-", key.told_as, f"{told.events:,}", clock(told.last, now))
        for key, told in ordered
    ]
    titles = ("source", "resource", "code", "name", "told as", "events", "last")
    table(titles, rows, right=("events", "last"))


async def _count(config: Config, provider: Provider | None, tenant: str | None) -> dict[Key, Count]:
    counts: dict[Key, Count] = {}
    async with contextlib.aclosing(read_events(config)) as events:
        async for _, event in events:
            native = event.data.native
            wanted = (provider is None or native.provider == provider.name) and tenant in (None, native.tenant)
            if wanted and _undecided(event):
                told_as = f"{event.word} (provisional)" if event.word != UNMAPPED else UNMAPPED
                key = Key(event.source, native.resource, native.code or "-", native.name or "", told_as)
                count = counts.setdefault(key, Count())
                count.events += 1
                count.last = max(count.last, event.recordedtime)
    return counts


def _undecided(event: Event) -> bool:
    return event.word == UNMAPPED or event.data.provenance.row.endswith(PROVISIONAL)
