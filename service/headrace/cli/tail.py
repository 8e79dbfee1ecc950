"""`headrace tail`: follow events, or dead letters, as they are published."""

import contextlib
import shutil
import sys
from collections.abc import AsyncGenerator
from typing import Any, Final

import click
import msgspec
from msgspec import Struct

from headrace.cli import _arguments as arguments
from headrace.cli._event_lines import (
    SOURCE_WIDE,
    event_line,
    event_titles,
    letter_line,
    letter_titles,
    source_width,
)
from headrace.cli._formatting import cut
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._output import Styled, echo, echo_json, is_read, styled, while_read
from headrace.cli._topic_reader import read_dead_letters, read_events
from headrace.config import Config
from headrace.core.suggestions import did_you_mean
from headrace.sdk.provider import Provider, source_of
from headrace_events import Event, Type

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def event_type(word: str) -> str:
    """Return an event type or category of the taxonomy; used as click's `type`."""
    known = [*Type, *dict.fromkeys(each.partition(".")[0] for each in Type)]
    if word not in known:
        hint = f"{did_you_mean(word, known)}; `headrace taxonomy words` lists them"
        raise click.BadParameter(f'no event is called "{word}"{hint}')
    return word


class TailOptions(Struct, frozen=True, kw_only=True):
    """The options of the command: what to show, and how. Empty or None means all."""

    types: tuple[str, ...]
    provider: Provider | None
    tenant: str | None
    dead_letters: bool
    from_start: bool
    most: int | None
    as_json: bool

    def wants_source(self, source: str) -> bool:
        """Return whether events and letters of this source are wanted."""
        provider, _, tenant = source[1:].partition("/")
        return (self.provider is None or self.provider.name == provider) and self.tenant in (None, tenant)

    def wants(self, event: Event) -> bool:
        """Return whether an event is wanted."""
        named = not self.types or event.word in self.types or event.data.category in self.types
        return named and self.wants_source(event.source)


@click.command("tail")
@click.option(
    "--type",
    "types",
    type=event_type,
    multiple=True,
    metavar="WORD",
    help="Only this type, or category such as call; repeatable.",
)
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only this tenant's.")
@click.option("--dead-letters", is_flag=True, help="Follow dead letters instead of events.")
@click.option("--from-start", is_flag=True, help="Begin with the oldest record on the topic, not with new ones.")
@click.option("-n", "--max", "most", metavar="N", type=click.IntRange(1), help="End after N lines.")
@click.option("--json", "as_json", is_flag=True, help="One whole JSON object a line.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Follow events as they are published, one line each, until Ctrl-C. Only committed records are shown.

    Times are UTC: when the event happened, or when a dead letter was written. On a terminal long ids are shortened,
    and the source is left out where there is one tenant, lead and via where it is narrow; in a pipe and with --json
    all is complete.

    \b
      headrace tail
      headrace tail --type call --type message.failed -t acme
      headrace tail --dead-letters --from-start
      headrace tail --from-start --json -n 1000 | jq -r .type | sort | uniq -c
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    wanted = TailOptions(**options)
    if wanted.dead_letters and wanted.types:
        raise click.UsageError("dead letters have no type: leave out --type or --dead-letters")
    config = arguments.configuration(ctx)
    arguments.warn_of_unconfigured(config, wanted.provider, wanted.tenant)
    if sys.stdout.isatty() and not wanted.as_json:
        wide = _wide(config, wanted)
        titles = (
            letter_titles("raw", wide=wide) if wanted.dead_letters else event_titles(_only(config, wanted), wide=wide)
        )
        echo(styled(cut(_beginning(config, wanted), shutil.get_terminal_size().columns), dim=True), err=True)
        echo(styled(cut(titles, shutil.get_terminal_size().columns), dim=True))
    with contextlib.suppress(KeyboardInterrupt):
        lines = _letters(config, wanted) if wanted.dead_letters else _events(config, wanted)
        run_with_kafka(config, while_read(_print(lines, wanted.most)))


def _beginning(config: Config, wanted: TailOptions) -> str:
    """Return what is to be seen: without it, a screen that stays empty looks as if something were wrong."""
    what = "dead letters" if wanted.dead_letters else "events"
    topic = f"{config.topic_prefix}{'dead-letters' if wanted.dead_letters else 'events'}"
    which = f"All {what} on {topic}, then new ones" if wanted.from_start else f"New {what} on {topic}"
    return f"{which}, until Ctrl-C" + ("" if wanted.from_start else "; --from-start shows the older ones, too")


async def _print(lines: AsyncGenerator[str], most: int | None) -> None:
    number = 0
    async with contextlib.aclosing(lines):
        async for line in lines:
            echo(line) if isinstance(line, Styled) else echo_json(line)
            number += 1
            if number == most or not is_read():
                return


def _only(config: Config, wanted: TailOptions) -> str | None:
    """Return the source of all events that are to be expected, None where there are several."""
    if wanted.provider is not None and wanted.tenant is not None:
        return source_of(wanted.provider.name, wanted.tenant)
    sources = _sources(config, wanted)
    return sources[0] if len(sources) == 1 else None


def _sources(config: Config, wanted: TailOptions) -> list[str]:
    return [one for one in (*config.tenants.by_source, *config.tenants.left_out) if wanted.wants_source(one)]


def _wide(config: Config, wanted: TailOptions) -> int:
    return source_width(_sources(config, wanted))


async def _events(config: Config, wanted: TailOptions) -> AsyncGenerator[str]:
    """Yield a line for each event that is wanted."""
    brief = sys.stdout.isatty()
    only, wide = (_only(config, wanted), _wide(config, wanted)) if brief else (None, SOURCE_WIDE)
    async with contextlib.aclosing(read_events(config, from_start=wanted.from_start, follow=True)) as events:
        async for record, event in events:
            if wanted.wants(event):
                line = event_line(event, brief=brief, only=only, wide=wide)
                yield (record.value or b"").decode() if wanted.as_json else line


async def _letters(config: Config, wanted: TailOptions) -> AsyncGenerator[str]:
    """Yield a line for each dead letter that is wanted."""
    brief = sys.stdout.isatty()
    wide = _wide(config, wanted) if brief else SOURCE_WIDE
    async with contextlib.aclosing(read_dead_letters(config, from_start=wanted.from_start, follow=True)) as letters:
        async for _, letter in letters:
            if wanted.wants_source(letter.source):
                yield _encode(letter).decode() if wanted.as_json else letter_line(letter, brief=brief, wide=wide)
