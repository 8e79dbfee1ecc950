"""`headrace taxonomy`: list the words of events, and the native codes that are not mapped."""

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
from headrace.cli._output import echo, styled
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


class NativeCode(Struct, frozen=True):
    """A native code, and the event type that it is published as."""

    source: str
    resource: str
    code: str
    name: str
    published_as: str


class CodeUse(Struct):
    """In how many events a code occurs, and when the last of them was recorded."""

    events: int = 0
    last: str = ""


@click.group("taxonomy")
def command() -> None:
    """List the words of events, and the native codes that have none yet.

    Nothing is guessed: a code without a row is published as "unmapped" with the code in it, and a row that stands for a
    whole range is marked provisional. `unmapped` lists both; rows in a tenant's overlay map them.
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
        echo(styled(name, bold=True))
        wide = max(len(word) for word in _LISTS[name])
        for word in _LISTS[name]:
            echo(f"  {word:<{wide}}  {word.meaning}")
        echo()


@command.command("unmapped", short_help="list the native codes without a row, and the provisional ones")
@click.option("-p", "--provider", type=arguments.provider, help="Only this provider's.")
@click.option("-t", "--tenant", metavar="NAME", help="Only this tenant's.")
@click.pass_context
def unmapped(ctx: click.Context, provider: Provider | None, tenant: str | None) -> None:
    """List the native codes, of all events on Kafka, whose row is missing or provisional.

    \b
      headrace taxonomy unmapped -t acme
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = arguments.configuration(ctx)
    counts = run_with_kafka(config, _count(config, provider, tenant))
    if not counts:
        echo("Every event on Kafka has a row of its own.")
        return
    now = datetime.now(UTC)
    ordered = sorted(counts.items(), key=lambda pair: (pair[0].source, -pair[1].events))
    rows = [
        (
            code.source,
            code.resource,
            code.code,
            code.name or "-",
            code.published_as,
            f"{use.events:,}",
            clock(use.last, now),
        )
        for code, use in ordered
    ]
    titles = ("source", "resource", "code", "name", "published as", "events", "last")
    table(titles, rows, right=("events", "last"))


async def _count(config: Config, provider: Provider | None, tenant: str | None) -> dict[NativeCode, CodeUse]:
    """Return the undecided codes of all events of one provider and tenant, or of all."""
    uses: dict[NativeCode, CodeUse] = {}
    async with contextlib.aclosing(read_events(config)) as events:
        async for _, event in events:
            native = event.data.native
            wanted = (provider is None or native.provider == provider.name) and tenant in (None, native.tenant)
            if wanted and _undecided(event):
                published_as = f"{event.word} (provisional)" if event.word != UNMAPPED else UNMAPPED
                code = NativeCode(event.source, native.resource, native.code or "-", native.name or "", published_as)
                use = uses.setdefault(code, CodeUse())
                use.events += 1
                use.last = max(use.last, event.recordedtime)
    return uses


def _undecided(event: Event) -> bool:
    """Return whether an event has no row of its own: unmapped, or mapped by a provisional row."""
    return event.word == UNMAPPED or event.data.provenance.row.endswith(PROVISIONAL)
