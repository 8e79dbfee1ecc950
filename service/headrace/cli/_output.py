"""What the commands print: no text from outside reaches the terminal unescaped; only styles of ours do."""

import sys
from typing import Any

import click

from headrace.observe.escapes import escaped, escaped_lines


class Styled(str):
    """A text that may be printed as it is: escaped, then styled by us. What is added to it is escaped."""

    __slots__ = ()

    def __add__(self, other: str) -> "Styled":
        return Styled(str.__add__(self, shown(other)))

    def __radd__(self, other: str) -> "Styled":
        return Styled(str.__add__(shown(other), self))


def shown(text: object) -> Styled:
    """Return a text as it may be printed."""
    return text if isinstance(text, Styled) else Styled(escaped(str(text)))


def styled(text: object, **style: Any) -> Styled:
    """Return a text with a style of click: a colour (`fg`), `bold`, `dim`."""
    return Styled(click.style(shown(text), **style))


def echo(text: object = "", *, err: bool = False) -> None:
    """Print one line: what is not `Styled` is escaped."""
    click.echo(str(shown(text)), err=err)


def echo_json(text: bytes | str) -> None:
    """Print JSON: it means the same, with the control characters escaped that JSON allows in a string."""
    click.echo(escaped_lines(text.decode() if isinstance(text, bytes) else text))


def progress(text: str) -> None:
    """Show a line on standard error in place of the one before, where that is a terminal; an empty one clears it."""
    if sys.stderr.isatty():
        click.echo(f"\r{shown(text)}\x1b[K", err=True, nl=False)
