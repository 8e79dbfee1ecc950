"""`headrace dead-letters`: list those that are still open, show one with its bytes, send them back."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

import click
import msgspec

from headrace.cli import _arguments as arguments
from headrace.cli._event_lines import letter_line, pointer_of
from headrace.cli._formatting import clock, sentence, table_blocks
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._letter_filter import EVERY_LETTER, LetterFilter, moment
from headrace.cli._letter_page import show_letter
from headrace.cli._letter_places import places_of
from headrace.cli._letter_states import STILL_OPEN, Letter, letters_with_states
from headrace.cli._letters_shown import letters_at, newest_letters
from headrace.cli._output import echo, echo_json, is_read, styled
from headrace.cli.redrive import command as redrive

_encode: Final = msgspec.json.Encoder().encode
_WIDEST: Final = 10
_TITLES: Final = ("letter", "state", "time", "source", "problem", "where and what")


class _ListsByDefault(click.Group):
    """A group that lists where no command is named: `headrace dead-letters -t acme`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` behind the group's own options, where no command follows them."""
        at = 0
        while at < len(args) and (width := self._own_option(ctx, args[at])):
            at += width
        if at >= len(args) or (args[at].startswith("-") and args[at] not in ctx.help_option_names):
            args = [*args[:at], "list", *args[at:]]
        return super().parse_args(ctx, args)

    def _own_option(self, ctx: click.Context, word: str) -> int:
        """Return how many words an option of the group takes that this one begins, 0 where it begins none."""
        name, _, value = word.partition("=")
        for parameter in self.get_params(ctx):
            if name in parameter.opts and name not in ctx.help_option_names:
                return 1 if value else 2
        return 0


@click.group("dead-letters", cls=_ListsByDefault)
def command() -> None:
    """List the dead letters that are still open, show one with its bytes, or send them back to be read again.

    A dead letter is what could not be read: the bytes as they came, and a problem with its place. Without a command,
    `list`.

    \b
      headrace dead-letters --since 2d -t acme
      headrace dead-letters show 3@120
      headrace dead-letters redrive 3@120
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)


command.add_command(redrive)


@command.command("list", short_help="list the dead letters that are still open")
@click.option("--reason", "reasons", multiple=True, metavar="CODE", help="Only this problem code; repeatable.")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only this tenant's.")
@click.option("--since", type=moment, metavar="TIME", help="Only letters written since: 2026-08-08T09:00Z, or 2h.")
@click.option("--until", type=moment, metavar="TIME", help="Only letters written before.")
@click.option("--all", "whole", is_flag=True, help="Also those that are closed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: state, place, letter.")
@click.pass_context
def list_open(ctx: click.Context, /, whole: bool, as_json: bool, **options: Any) -> None:  # noqa: FBT001  (click passes flags so)
    """List the dead letters that are still open: nothing that was sent back of them got another fate.

    \b
    open        it was never sent back (`headrace redrive`)
    sent back   it is in raw again, and not decided yet
    unknown     it is older than raw: whether it was sent back is not known
    With --all:
    closed      what was sent back was read, published or not
    dead again  what was sent back became a newer letter, which is listed
    copy        a newer letter is about the same record

    letter in the table is its place on dead-letters, PARTITION@OFFSET, by which `show` and `redrive` find it: place
    in JSON. letter.raw in JSON is the place of the record on raw.

    It reads raw from the oldest of them on: --since makes that shorter.

    \b
      headrace dead-letters list --since 2d -t acme
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config, wanted = arguments.configuration(ctx), LetterFilter(**options)
    arguments.warn_of_unconfigured(config, wanted.provider, wanted.tenant)
    found = run_with_kafka(config, letters_with_states(config, wanted))
    shown = [one for one in found if whole or one.state in STILL_OPEN]
    if as_json:
        for one in shown:
            echo_json(_encode({"state": one.state, "place": one.place, "letter": one.letter}).decode())
    elif shown:
        _print(shown)
    else:
        sentence("No dead letter is open" + (f"; --all lists {len(found):,} that was." if found else "."))


def _print(letters: Sequence[Letter]) -> None:
    """Print a table on a terminal, in a pipe a line each that is always built alike."""
    if sys.stdout.isatty():
        cells = list(map(_cells, letters))
        for line in chain.from_iterable(table_blocks(_TITLES, cells, right=("time",), free=("source",))):
            echo(line)
        return
    for one in letters:
        echo(styled(f"{one.state:<{_WIDEST}} ", bold=True) + letter_line(one.letter, brief=False, place=one.place))


def _cells(one: Letter) -> tuple[str, ...]:
    """Return the cells of a letter: its place, by which one goes on, comes first."""
    problem, now = one.letter.problem, datetime.now(UTC)
    where = pointer_of(problem)
    return (
        one.place,
        styled(one.state, bold=True),
        clock(one.letter.recordedtime, now).strip(),
        one.letter.source[1:],
        styled(problem.code, fg="red"),
        f"{where}: {problem.detail}" if where else problem.detail,
    )


@command.command("show", short_help="show dead letters with their bytes, and what they would become today")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option("--reason", "reasons", multiple=True, metavar="CODE", help="Only this problem code; repeatable.")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only this tenant's.")
@click.option("--since", type=moment, metavar="TIME", help="Only letters written since: 2026-08-08T09:00Z, or 2h.")
@click.option("--until", type=moment, metavar="TIME", help="Only letters written before.")
@click.option("-n", "most", type=click.IntRange(1, 1_000), default=5, metavar="N", help="The newest N; default: 5.")
@click.option("--whole", is_flag=True, help="All of the bytes, not only those around the place.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: letter, bytes, today.")
@click.pass_context
def show(
    ctx: click.Context,
    /,
    places: Sequence[str],
    most: int,
    whole: bool,  # noqa: FBT001  (click passes flags so)
    as_json: bool,  # noqa: FBT001  (as above)
    **options: Any,
) -> None:
    """Show dead letters: the problem, the bytes with its place underlined, and what they would become today.

    PLACE is PARTITION@OFFSET on dead-letters, as `list` shows it; without one the newest letters that the options
    choose, open or not. The number before a row is that of its first byte. What is no text is shown as numbers, and
    control characters as escapes. `today` is what the code and the tables of today make of it: nothing is sent.
    The exit code is 1 where a PLACE holds no letter.

    \b
      headrace dead-letters show 3@120
      headrace dead-letters show --reason bad_value -t acme -n 20
      headrace dead-letters show 3@120 --json | jq -r .text > body.json
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    wanted, chosen = LetterFilter(**options), places_of(places)
    if chosen and wanted != EVERY_LETTER:
        raise click.UsageError("name places, or choose letters by options: not both")
    config = arguments.configuration(ctx)
    arguments.warn_of_unconfigured(config, wanted.provider, wanted.tenant)
    missing: list[str] = []
    remark = ""
    if chosen:
        found, missing = run_with_kafka(config, letters_at(config, chosen))
    else:
        found, remark = run_with_kafka(config, newest_letters(config, wanted, most))
    for one in found:
        echo_json(one.line()) if as_json else show_letter(one, whole=whole)
        if not is_read():
            break
    if remark:
        echo(remark, err=True)
    for place in missing:
        sentence(f"There is no dead letter at {place} of {config.topic_prefix}dead-letters (any more).", err=True)
    if not (found or missing or as_json):
        echo("There is no such dead letter.")
    ctx.exit(1 if missing else 0)
