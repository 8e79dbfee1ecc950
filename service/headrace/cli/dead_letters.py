"""`headrace dead-letters`: list the dead letters that are still open."""

import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
import msgspec

from headrace.cli import _arguments as arguments
from headrace.cli._event_lines import LETTER_TITLES, letter_line
from headrace.cli._formatting import cut
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._letter_filter import LetterFilter, moment
from headrace.cli._letter_states import STILL_OPEN, Letter, letters_with_states
from headrace.cli._output import echo, echo_json, styled

_encode: Final = msgspec.json.Encoder().encode
_WIDEST: Final = 10


@click.command("dead-letters")
@click.option("--reason", "reasons", multiple=True, metavar="CODE", help="Only this problem code; repeatable.")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only this tenant's.")
@click.option("--since", type=moment, metavar="TIME", help="Only letters written since: 2026-08-08T09:00Z, or 2h.")
@click.option("--until", type=moment, metavar="TIME", help="Only letters written before.")
@click.option("--all", "whole", is_flag=True, help="Also those that are closed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: state, place, letter.")
@click.pass_context
def command(ctx: click.Context, /, whole: bool, as_json: bool, **options: Any) -> None:  # noqa: FBT001  (click passes flags so)
    """List the dead letters that are still open: nothing that was sent back of them got another fate.

    \b
    open        it was never sent back (`headrace redrive`)
    sent back   it is in raw again, and not decided yet
    unknown     it is older than raw: whether it was sent back is not known
    With --all:
    closed      what was sent back was read, published or not
    dead again  what was sent back became a newer letter, which is listed
    copy        a newer letter is about the same record

    raw in the table is the place of the record on raw, PARTITION@OFFSET: letter.raw in JSON. place in JSON is
    that of the letter on dead-letters.

    It reads raw from the oldest of them on: --since makes that shorter.

    \b
      headrace dead-letters --since 2d -t acme
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    config = arguments.configuration(ctx)
    found = run_with_kafka(config, letters_with_states(config, LetterFilter(**options)))
    shown = [one for one in found if whole or one.state in STILL_OPEN]
    if as_json:
        for one in shown:
            echo_json(_encode({"state": one.state, "place": one.place, "letter": one.letter}).decode())
    elif shown:
        _print(shown)
    else:
        echo("No dead letter is open" + (f"; --all lists {len(found):,} that was." if found else "."))


def _print(letters: Sequence[Letter]) -> None:
    brief = sys.stdout.isatty()
    if brief:
        titles = f"{'':<{_WIDEST}} {LETTER_TITLES}"
        echo(styled(cut(titles, shutil.get_terminal_size().columns), dim=True))
    for one in letters:
        state = f"{one.state:<{_WIDEST}} "
        echo(styled(state, bold=True) + letter_line(one.letter, brief=brief, indent=len(state)))
