"""Formatting of results on a terminal: tables, short ids, short times, spans, counts."""

import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click

from headrace.cli._output import Styled, echo, shown, styled
from headrace.core.timestamps import parse

_SPANS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_NARROWEST: Final = 20
_INDENT: Final = "  "
_HEAD: Final = 4
_TAIL: Final = 3


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    free: Sequence[str] = (),
) -> None:
    """Print rows under titles, each column as wide as its widest cell; those named in `right` are right-aligned.

    Cells may be styled; all others are escaped. On a terminal, columns named in `free`, whose cells are not styled, are
    cut one after the other until the lines fit.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = _widths(titles, cells)
    for number in map(titles.index, free):
        over = _length(widths) - (_terminal() or _length(widths))
        widths[number] = max(len(titles[number]), widths[number] - max(0, over))
        for row in cells:
            row[number] = Styled(cut(row[number], widths[number]))
    edges = [title in right for title in titles]
    echo(styled(_line(titles, widths, edges), bold=True))
    for row in cells:
        echo(_line(row, widths, edges))


def columns_that_fit(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """Return how many columns of a table fit on the terminal, counted from the left; all where there is none."""
    widths = _widths(titles, [[shown(cell) for cell in row] for row in rows])
    room = _terminal() or _length(widths)
    return next(number for number in range(len(widths), 0, -1) if number == 1 or _length(widths[:number]) <= room)


def cut(text: str, room: int) -> str:
    """Return a text that takes no more than `room` characters: what is cut off ends in an ellipsis."""
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"


def _widths(titles: Sequence[str], cells: Sequence[Sequence[Styled]]) -> list[int]:
    return [max(len(click.unstyle(cell)) for cell in column) for column in zip(titles, *cells, strict=True)]


def _length(widths: Sequence[int]) -> int:
    """Return the length of a line, with two spaces before each column."""
    return sum(widths) + 2 * len(widths)


def _terminal() -> int | None:
    """Return the columns of the terminal, None where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _line(cells: Sequence[str], widths: Sequence[int], edges: Sequence[bool]) -> Styled:
    spaces = [" " * (width - len(click.unstyle(cell))) for cell, width in zip(cells, widths, strict=True)]
    aligned = (space + cell if edge else cell + space for cell, space, edge in zip(cells, spaces, edges, strict=True))
    return Styled(("  " + "  ".join(aligned)).rstrip())


def definitions(pairs: Sequence[tuple[str, str]]) -> None:
    """Print words with their meanings; on a terminal a long meaning goes on below its beginning."""
    wide = max(len(word) for word, _ in pairs)
    room = shutil.get_terminal_size().columns - wide - 5 if sys.stdout.isatty() else 0
    for word, meaning in pairs:
        lines = textwrap.wrap(meaning, room) if room >= _NARROWEST else [meaning]
        for number, line in enumerate(lines):
            echo(f"  {'' if number else word:<{wide}}  {line}")


def footnote(text: str) -> None:
    """Print a sentence below a table, whole or not styled; on a terminal a long one goes on below its beginning."""
    plain = click.unstyle(shown(text))
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    fits = not room or len(plain) + len(_INDENT) <= room
    lines = [plain] if fits else textwrap.wrap(plain, room - len(_INDENT), subsequent_indent=_INDENT)
    before, _, after = shown(text).partition(plain)
    for line in lines:
        echo(Styled(f"{_INDENT}{before}{line}{after}"))


def short(text: str) -> str:
    """Return an id or subject with its long parts shortened: `lead/4f7a01e2-…-9c1b` is `lead/4f7a…c1b`."""
    parts = text.split("/")
    return "/".join(p if len(p) <= _HEAD + _TAIL + 2 else f"{p[:_HEAD]}…{p[-_TAIL:]}" for p in parts)


def clock(text: str, now: datetime) -> str:
    """Return a canonical time in 11 characters, UTC: with seconds for today's, with month and day for others."""
    moment = parse(text)
    today = moment.date() == now.astimezone(UTC).date()
    return moment.strftime("%H:%M:%S" if today else "%m-%d %H:%M").rjust(11)


def span(seconds: int, units: int = 2) -> str:
    """Return seconds in the two (or `units`) largest units that they fill."""
    parts: list[str] = []
    for unit, length in _SPANS:
        if seconds >= length or (unit == "s" and not parts):
            parts.append(f"{seconds // length} {unit}")
            seconds %= length
    return " ".join(parts[:units])


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its word: `1 record`, `1,204 records`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
