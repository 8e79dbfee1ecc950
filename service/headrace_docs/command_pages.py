"""What the program itself says of its commands and words, as pages."""

import inspect
import textwrap
from collections.abc import Iterator
from typing import Final

import click
from click.testing import CliRunner

from headrace.cli import main
from headrace.cli._markdown import markdown_table

_HEAD: Final = """\
# Commands

What `headrace COMMAND --help` says, of every command. `-c FILE` names the configuration, before or behind the command;
without it that is the file which `HEADRACE_CONFIG` names, else `headrace.toml` in the working directory.
"""


def command_page() -> str:
    """Return the reference of the command line, made from click's help."""
    context = click.Context(main, info_name="headrace")
    chapters = (_chapter(context, main.get_command(context, name), name, 2) for name in main.list_commands(context))
    return "\n".join((_HEAD, *(line for chapter in chapters for line in chapter)))


def taxonomy_page() -> str:
    """Return the words of events, and the tables of all providers."""
    return CliRunner(env={"HEADRACE_CONFIG": None}).invoke(main, ["taxonomy", "docs"], catch_exceptions=False).output


def _chapter(above: click.Context, command: click.Command | None, name: str, level: int) -> Iterator[str]:
    """Yield the lines of a command, then of those below it."""
    if command is None:
        raise LookupError(name)
    context = click.Context(command, info_name=name, parent=above)
    yield from (f"{'#' * level} {context.command_path}", "", "```", command.get_usage(context), "```", "")
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield from _paragraph(paragraph)
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _chapter(context, command.get_command(context, below), below, level + 1)


def _paragraph(text: str) -> Iterator[str]:
    r"""Yield a paragraph of help; one that `\b` begins keeps its lines."""
    if text.startswith("\b"):
        yield from ("```", textwrap.dedent(text.removeprefix("\b").strip("\n")), "```", "")
    else:
        yield from (text.replace("<", "\\<").replace("*", "\\*"), "")


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the table of what a command takes, but what every command does."""
    own = (each for each in command.params if each.name != "config")
    rows = [record for each in own if (record := each.get_help_record(context)) and record[1]]
    if rows:
        yield from (*markdown_table(("option", "what"), rows), "")
