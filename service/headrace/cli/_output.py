"""What the commands print: no text from outside reaches the terminal unescaped; only styles of ours do.

Where the reader of a pipe goes (`headrace tail | head`), what is still printed is thrown away without a word. A command
that changes something, or whose exit code is a verdict, goes on to its end; one that prints line by line asks `is_read`
or works `while_read`.
"""

import asyncio
import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Coroutine, Iterator
from io import TextIOBase
from typing import Any, Final

import click

from headrace.core.text_width import cut_to
from headrace.observe.escapes import escaped, escaped_lines

_OUT: Final = "stdout"
_ERR: Final = "stderr"
_CLEAR: Final = "\x1b[K"
"""Clears the rest of a line: no colour, so it is written where none is wanted, too."""

_thrown_away: Final[set[str]] = set()
"""The streams of this process that nobody reads any more."""


_SHOWS_PROGRESS: Final = "progress"
_shown: Final = {_SHOWS_PROGRESS}


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
    """Print one line: what is not `Styled` is escaped. Raises `ClickException` where it cannot be written."""
    _write(str(shown(text)), err=err)


def echo_json(text: bytes | str) -> None:
    """Print JSON: it means the same, with the control characters escaped that JSON allows in a string."""
    _write(escaped_lines(text.decode() if isinstance(text, bytes) else text))


def progress(text: str) -> None:
    """Show a line on standard error in place of the one before, where that is a terminal; an empty one clears it."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and _SHOWS_PROGRESS in _shown:
        line = cut_to(shown(text), shutil.get_terminal_size().columns - 1)  # a second one could not be cleared
        _write(f"\r{line}{_CLEAR}", err=True, nl=False, color=True)


@contextlib.contextmanager
def without_progress() -> Iterator[None]:
    """Show no progress while the block runs: a server reads all the time."""
    _shown.discard(_SHOWS_PROGRESS)
    try:
        yield
    finally:
        _shown.add(_SHOWS_PROGRESS)


def confirmed(question: str) -> bool:
    """Ask a question; nobody agrees to what cannot be read."""
    return is_read() and click.confirm(question)


class StandardError(TextIOBase):
    """Standard error for a library that writes by itself: that nobody reads it is no error of its work."""

    def write(self, text: str) -> int:
        """Write as `echo` does."""
        _write(text, err=True, nl=False)
        return len(text)


def is_read() -> bool:
    """Return whether standard output has a reader, as far as the last line that was printed shows."""
    return _OUT not in _thrown_away


async def while_read(work: Coroutine[Any, Any, None]) -> None:
    """Work to the end, or until the pipe that standard output is has no reader, even while nothing is printed."""
    task = asyncio.ensure_future(work)
    loop, pipe = asyncio.get_running_loop(), _pipe()
    if pipe is not None:
        # The end that is written to is never readable; a selector reports it once the other end is closed.
        loop.add_reader(pipe, _leave, task)
    try:
        await task
    except asyncio.CancelledError:
        if is_read():
            raise
    finally:
        if pipe is not None:
            loop.remove_reader(pipe)


def _leave(task: "asyncio.Task[None]") -> None:
    _throw_away(_OUT)
    task.cancel()


def _pipe() -> int | None:
    """Return the descriptor of standard output where that is a pipe."""
    with contextlib.suppress(OSError, ValueError):  # there is none, or it is no file
        number = sys.stdout.fileno()
        return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
    return None


def _write(text: str, *, err: bool = False, nl: bool = True, color: bool | None = None) -> None:
    try:
        click.echo(text, err=err, nl=nl, color=color)
    except OSError as error:
        failed(error, err=err)


def failed(error: OSError, *, err: bool = False) -> None:
    """Throw away what follows on a stream that took no more. Raises `ClickException` where that is to be said."""
    _throw_away(_ERR if err else _OUT)
    if not err and not isinstance(error, BrokenPipeError):
        raise click.ClickException(f"standard output cannot be written: {error.strerror}") from None


def _throw_away(name: str) -> None:
    """Let all that follows on a stream go nowhere, with what is left in its buffer, which Python writes at the end."""
    _thrown_away.add(name)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, getattr(sys, name).fileno())
    os.close(nowhere)
