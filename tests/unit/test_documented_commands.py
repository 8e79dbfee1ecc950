"""Every command line of the documentation is one that the program takes: commands, options, what is required."""

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Final

import click
import pytest

from headrace.cli import main

TOP: Final = Path(__file__).parents[2]
PAGES: Final = (
    *("README.md", "MAPPING.md", "CONTRIBUTING.md", "schemas/README.md"),
    *("deploy/README.md", "deploy/KUBERNETES.md", "deploy/RUNBOOK.md"),
    *(str(each.relative_to(TOP)) for each in sorted(TOP.glob("service/docs/*.md"))),
    *(str(each.relative_to(TOP)) for each in sorted(TOP.glob("service/headrace/providers/*/README.md"))),
)
_BLOCK: Final = re.compile(r"^```.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CALL: Final = re.compile(
    r"^(?:\$ )?(?:[A-Z_]+=\S+ )*"
    r"(?:kubectl .* -- |docker compose exec \S+ |docker run (?:--rm )?)?(?:\S*/)?headrace (.*)$"
)
_ENDS: Final = ("|", ">", "&", "&&")


def calls(page: str) -> Iterator[list[str]]:
    """Yield the words behind `headrace` of each line of a block of a page that calls it."""
    for block in _BLOCK.findall((TOP / page).read_text("utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if call := _CALL.match(line.strip()):
                yield list(takewhile(lambda word: word not in _ENDS, shlex.split(call[1], comments=True)))


def take(words: list[str]) -> None:
    """Read a command line as the program does, without its values. Raises `UsageError` where it is none."""
    command: click.Command = main
    context = click.Context(main)
    if words[:1] == ["dead-letters"] and words[1:2] and words[1].startswith("-"):
        words = ["dead-letters", "list", *words[1:]]
    while True:
        values, rest, _ = command.make_parser(context).parse_args(list(words))
        if not isinstance(command, click.Group):
            break
        if not rest:
            return
        found = command.get_command(context, rest[0])
        if found is None:
            raise click.UsageError(f"there is no {rest[0]}")
        command, context, words = found, click.Context(found, parent=context), rest[1:]
    missing = [each.name for each in command.params if each.required and values.get(str(each.name)) in (None, ())]
    if rest or missing:
        raise click.UsageError(f"left over: {rest}, missing: {missing}")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_is_taken(page: str) -> None:
    """Whoever types what a page shows is not refused for how it is written."""
    for words in calls(page):
        if "--help" not in words:
            try:
                take(words)
            except click.UsageError as error:
                pytest.fail(f"{page}: headrace {shlex.join(words)}: {error.format_message()}", pytrace=False)


def test_the_runbook_is_read() -> None:
    """Its lines are found, those in pods as well."""
    found = list(calls("deploy/RUNBOOK.md"))
    assert ["spool", "show"] in found
    assert len(found) > 60


@pytest.mark.parametrize("line", ["spool shwo", "feeds --tenent acme", "status x", "backfill -t acme"])
def test_what_the_program_would_refuse_is_found(line: str) -> None:
    """A command, an option, a word too many, an option that is missing."""
    with pytest.raises(click.UsageError):
        take(line.split())
