"""Print native codes that are open: a table of them, and below it the guesses."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from headrace.cli._event_lines import PROVISIONAL
from headrace.cli._formatting import clock, columns_that_fit, cut, name_columns_left_out, table
from headrace.cli._open_codes import OpenCode
from headrace.cli._output import echo, styled

_ALL_SHARE: Final = 2
"""Columns in front, source and resource, that say the same of each code where it is one tenant's."""
_MEASURED: Final = 24
"""Characters of a code or name for which later columns make room."""


def print_codes(codes: Sequence[OpenCode], *, whole: bool) -> None:
    """Print both tables; with `whole`, also what each code is today.

    On a terminal, source and resource stand above where all codes share them, and the last columns only where they fit.
    """
    brief = sys.stdout.isatty()
    titles = ("source", "resource", "code", "name", "published as", *(("today",) if whole else ()), "events")
    titles = (*titles, "last", "first", "sample")
    rows = [_cells(one, whole=whole, brief=brief) for one in codes]
    sources = {(one.source, one.resource) for one in codes}
    if brief and len(sources) == 1:
        (source, resource) = sources.pop()
        echo(styled(f"Codes of {source[1:]}, {resource}:", dim=True))
        titles, rows = titles[_ALL_SHARE:], [row[_ALL_SHARE:] for row in rows]
    needed = titles.index("events") + 1
    fit = max(needed, columns_that_fit(titles, [[cut(cell, _MEASURED) for cell in row] for row in rows]))
    right = [title for title in ("events", "last", "first") if title in titles[:fit]]
    table(titles[:fit], [row[:fit] for row in rows], right=right, free=("published as", "name", "code"))
    name_columns_left_out(titles[fit:])
    guessed = [(one.code or "-", one.name or "-", one.proposal) for one in codes]
    about = [(code, name, guess.type, guess.why) for code, name, guess in guessed if guess is not None]
    if about:
        echo()
        table(("code", "name", "guess", "because of"), about, free=("because of", "name", "code"))


def _cells(one: OpenCode, *, whole: bool, brief: bool) -> tuple[str, ...]:
    now = datetime.now(UTC)
    return (
        one.source[1:],
        one.resource,
        one.code or "-",
        one.name or "-",
        one.published_as.removesuffix(PROVISIONAL) if brief else one.published_as,
        *((one.today,) if whole else ()),
        f"{one.events:,}",
        clock(one.last, now).strip(),
        clock(one.first, now).strip(),
        _sample(one),
    )


def _sample(one: OpenCode) -> str:
    record = next(iter(one.samples), None)
    return "-" if record is None else f"{record.partition}@{record.offset}"
