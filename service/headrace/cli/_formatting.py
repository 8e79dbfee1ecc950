"""Formatting of results on a terminal: tables, short ids, short times, spans, counts."""

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click

from headrace.cli._output import Styled, echo, shown, styled
from headrace.core.text_width import cut_to, fill, text_width, wrap
from headrace.core.timestamps import parse

_SPANS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_NARROWEST: Final = 20
_LEAST_BESIDE: Final = 28
"""Columns from which on the last cell of a row goes on beside the others."""
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
    cut until the lines fit, the widest first.
    """
    for line in table_lines(titles, rows, right=right, free=free):
        echo(line)


def table_lines(
    titles: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = (), free: Sequence[str] = ()
) -> list[Styled]:
    """Return the lines that `table` prints."""
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = _widths(titles, cells)
    _narrow(titles, cells, widths, free)
    edges = [title in right for title in titles]
    return [_title_line(titles, widths, edges), *(_line(row, widths, edges) for row in cells)]


def table_as_it_fits(titles: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table with as many columns, counted from the left, as fit on the terminal; those left out are named."""
    fit = columns_that_fit(titles, rows)
    table(titles[:fit], [row[:fit] for row in rows], right=right)
    name_columns_left_out(titles[fit:])


def name_columns_left_out(titles: Sequence[str]) -> None:
    """Print which columns of a table there is no room for."""
    if titles:
        footnote(styled(f"a wider terminal, or a pipe, also shows: {', '.join(titles)}", dim=True))


def table_blocks(
    titles: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = (), free: Sequence[str] = ()
) -> list[list[Styled]]:
    """Return the lines of the titles, and of each row: its last cell, not styled, goes on below where it is too long.

    Where it has little room beside the others, all of it stands below them. `free` as in `table`.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [*_widths(titles, cells)[:-1], text_width(titles[-1])]
    _narrow(titles, cells, widths, free)
    before = _length(widths[:-1])
    room = (_terminal() or sys.maxsize) - before - len(_INDENT)
    edges = [title in right for title in titles]
    blocks = [[_title_line(titles, widths, edges)]]
    for row in cells:
        beside = text_width(row[-1]) <= room or room >= _LEAST_BESIDE
        at = before if beside else 2 * len(_INDENT)
        lines = _lines(row[-1], room if beside else before + room - at)
        first = _line([*row[:-1], lines.pop(0) if beside and lines else ""], widths, edges)
        blocks.append([first, *(Styled(f"{' ' * at}{_INDENT}{line}") for line in lines)])
    return blocks


def once_on_a_terminal(names: Sequence[str]) -> list[str]:
    """Return names as cells: on a terminal only where they change, in a pipe in every row, for `grep`."""
    if _terminal() is None:
        return list(names)
    return [name if name != above else "" for name, above in zip(names, [None, *names], strict=False)]


def columns_that_fit(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """Return how many columns of a table fit on the terminal, counted from the left; all where there is none."""
    widths = _widths(titles, [[shown(cell) for cell in row] for row in rows])
    room = _terminal() or _length(widths)
    return next(number for number in range(len(widths), 0, -1) if number == 1 or _length(widths[:number]) <= room)


def cut(text: str, room: int) -> str:
    """Return a text that takes no more than `room` columns: what is cut off ends in an ellipsis."""
    return cut_to(text, room)


def _widths(titles: Sequence[str], cells: Sequence[Sequence[Styled]]) -> list[int]:
    return [max(text_width(click.unstyle(cell)) for cell in column) for column in zip(titles, *cells, strict=True)]


def _narrow(titles: Sequence[str], cells: Sequence[list[Styled]], widths: list[int], free: Sequence[str]) -> None:
    """Cut the columns in `free`, the widest first, until lines fit or each is as wide as its title; `widths` follow."""
    over = _length(widths) - (_terminal() or _length(widths))
    least = {titles.index(title): text_width(title) for title in free}
    while over > 0 and (left := [number for number in least if widths[number] > least[number]]):
        widths[max(left, key=lambda number: widths[number])] -= 1
        over -= 1
    for number in least:
        for row in cells:
            row[number] = Styled(cut(row[number], widths[number]))


def _length(widths: Sequence[int]) -> int:
    """Return the length of a line, with two spaces before each column."""
    return sum(widths) + 2 * len(widths)


def _terminal(*, err: bool = False) -> int | None:
    """Return the columns of the terminal, None where there is none."""
    return shutil.get_terminal_size().columns if (sys.stderr if err else sys.stdout).isatty() else None


def _title_line(titles: Sequence[str], widths: Sequence[int], edges: Sequence[bool]) -> Styled:
    return styled(_line(titles, widths, edges), bold=True)


def _line(cells: Sequence[str], widths: Sequence[int], edges: Sequence[bool]) -> Styled:
    spaces = [" " * (width - text_width(click.unstyle(cell))) for cell, width in zip(cells, widths, strict=True)]
    aligned = (space + cell if edge else cell + space for cell, space, edge in zip(cells, spaces, edges, strict=True))
    return Styled(("  " + "  ".join(aligned)).rstrip())


def definitions(pairs: Sequence[tuple[str, str]]) -> None:
    """Print words with their meanings, whole or not styled; on a terminal a long one goes on below its beginning."""
    wide = max(text_width(shown(word)) for word, _ in pairs)
    room = (_terminal() or 0) - wide - 2 * len(_INDENT)
    for word, meaning in pairs:
        plain = click.unstyle(shown(meaning))
        before, _, after = shown(meaning).partition(plain)
        for number, line in enumerate(_lines(plain, room) if room >= _NARROWEST else [plain]):
            begin = f"{_INDENT}{fill('' if number else shown(word), wide)}{_INDENT}"
            echo(Styled(f"{begin}{before}{line}{after}" if line else begin.rstrip()))


def sentence(text: str, *, hanging: bool = False, err: bool = False) -> None:
    """Print a sentence, whole or not styled; on a terminal a long one goes on in lines that `hanging` indents."""
    _paragraph(text, "", _INDENT if hanging else "", err=err)


def footnote(text: str) -> None:
    """Print a sentence below a table, whole or not styled; on a terminal a long one goes on below its beginning."""
    _paragraph(text, _INDENT, _INDENT, err=False)


def error_text(message: str, begins: int) -> str:
    """Return an error as standard error shows it: on a terminal, long lines go on below their beginning.

    The first one `begins` behind so many columns.
    """
    room, lines = _terminal(err=True) or sys.maxsize, list[str]()
    for line in message.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        begins += len(indent)
        first, *rest = wrap(line, room, indent + _INDENT, begins) or [""]
        fits = begins + text_width(line.lstrip()) <= room
        lines += [line] if fits else [indent + first, *rest]
        begins = 0
    return "\n".join(lines)


def note_height(text: str) -> int:
    """Return how many lines a footnote takes."""
    return len(_lines(click.unstyle(shown(text)), (_terminal() or sys.maxsize) - len(_INDENT), _INDENT))


def _paragraph(text: str, indent: str, hang: str, *, err: bool) -> None:
    plain = click.unstyle(shown(text))
    before, _, after = shown(text).partition(plain)
    for line in _lines(plain, (_terminal(err=err) or sys.maxsize) - len(indent), hang):
        echo(Styled(f"{indent}{before}{line}{after}"), err=err)


def _lines(text: str, room: int, indent: str = "") -> list[str]:
    """Return a text as it is where it fits, else wrapped."""
    return [text] if text_width(text) <= room else wrap(text, room, indent)


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
