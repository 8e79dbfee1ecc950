"""`headrace tail`: follow events, or dead letters, as they come out."""

import contextlib
import sys
from collections.abc import AsyncGenerator
from typing import Any, Final

import click
import msgspec
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._event_lines import EVENT_TITLES, LETTER_TITLES, event_line, letter_line
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._topic_reader import read_dead_letters, read_events
from headrace.config import Config
from headrace.core.mapping_file import did_you_mean
from headrace.sdk.provider import Provider
from headrace_events import Event, Type

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def event_type(word: str) -> str:
    """Check a word of the taxonomy, or the category before its dot."""
    known = [*Type, *dict.fromkeys(each.partition(".")[0] for each in Type)]
    if word not in known:
        hint = f"{did_you_mean(word, known)}; `headrace taxonomy words` lists them"
        raise click.BadParameter(f'no event is called "{word}"{hint}')
    return word


class Asked(Struct, frozen=True, kw_only=True):
    """The options of the command: what is wanted, and how it is told. Empty means all."""

    types: tuple[str, ...]
    provider: Provider | None
    tenant: str | None
    dead_letters: bool
    from_start: bool
    most: int | None
    as_json: bool

    def source(self, source: str) -> bool:
        """Say whether something of this source is wanted."""
        provider, _, tenant = source[1:].partition("/")
        return (self.provider is None or self.provider.name == provider) and self.tenant in (None, tenant)

    def event(self, event: Event) -> bool:
        """Say whether an event is wanted."""
        named = not self.types or event.word in self.types or event.data.category in self.types
        return named and self.source(event.source)


@click.command("tail")
@click.option(
    "--type",
    "types",
    type=event_type,
    multiple=True,
    metavar="WORD",
    help="Only this type, or category such as call; repeatable.",
)
@click.option("-p", "--provider", type=arguments.provider, help="Only this provider's.")
@click.option("-t", "--tenant", metavar="NAME", help="Only this tenant's.")
@click.option("--dead-letters", is_flag=True, help="Follow what could not be read, instead of events.")
@click.option("--from-start", is_flag=True, help="Begin with the oldest that is kept, not with what comes now.")
@click.option("-n", "--max", "most", metavar="N", type=click.IntRange(1), help="End after so many.")
@click.option("--json", "as_json", is_flag=True, help="One whole JSON object a line.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Follow events as they come out, one line each, until Ctrl-C. Only what is committed is shown.

    The time is UTC and says when it happened; for a dead letter, when it was written. On a terminal long ids are
    shortened; in a pipe and with --json they are whole.

    \b
      headrace tail
      headrace tail --type call --type message.failed -t acme
      headrace tail --dead-letters --from-start
      headrace tail --from-start --json -n 1000 | jq -r .type | sort | uniq -c
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    asked = Asked(**options)
    if asked.dead_letters and asked.types:
        raise click.UsageError("dead letters have no type: leave out --type or --dead-letters")
    config = arguments.configuration(ctx)
    if sys.stdout.isatty() and not asked.as_json:
        click.secho(LETTER_TITLES if asked.dead_letters else EVENT_TITLES, dim=True)
    with contextlib.suppress(KeyboardInterrupt):
        run_with_kafka(
            config, _print(_letters(config, asked) if asked.dead_letters else _events(config, asked), asked.most)
        )


async def _print(lines: AsyncGenerator[str], most: int | None) -> None:
    number = 0
    async with contextlib.aclosing(lines):
        async for line in lines:
            click.echo(line)
            number += 1
            if number == most:
                return


async def _events(config: Config, asked: Asked) -> AsyncGenerator[str]:
    """Give a line for each event that is wanted."""
    brief = sys.stdout.isatty()
    async with contextlib.aclosing(read_events(config, from_start=asked.from_start, follow=True)) as events:
        async for record, event in events:
            if asked.event(event):
                yield (record.value or b"").decode() if asked.as_json else event_line(event, brief=brief)


async def _letters(config: Config, asked: Asked) -> AsyncGenerator[str]:
    """Give a line for each dead letter that is wanted."""
    brief = sys.stdout.isatty()
    async with contextlib.aclosing(read_dead_letters(config, from_start=asked.from_start, follow=True)) as letters:
        async for _, letter in letters:
            if asked.source(letter.source):
                yield _encode(letter).decode() if asked.as_json else letter_line(letter, brief=brief)
