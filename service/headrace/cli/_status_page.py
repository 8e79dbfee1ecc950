"""The screen of `headrace status`: the ways of all tenants, then what is open, the worst first."""

import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import Final

from headrace.cli._formatting import count, footnote, span, table
from headrace.cli._output import echo, styled
from headrace.cli._status_rows import TROUBLE, NoticeRow, WayRow
from headrace.core.timestamps import parse

_TITLES: Final = ("tenant", "via", "state", "read", "why")
_COLORS: Final = {"ok": "green", "unwatched": "white", "unread": "cyan", "behind": "yellow", "paused": "magenta"}
_FEWEST: Final = 3
_NARROWEST: Final = 20
_WIDEST: Final = 10_000
_AROUND_LINES: Final = 8
"""Lines beside those of ways and notices."""


def write_page(ways: Sequence[WayRow], notices: Sequence[NoticeRow], remark: str, now: datetime) -> None:
    """Write the screen; where it is a terminal, what does not fit is counted alone."""
    bad = sum(row.state in TROUBLE for row in ways)
    confirmed = sum(row.confirmed for row in notices)
    verdict = f"{count(confirmed, 'notice')} open, {bad:,} of {count(len(ways), 'way')} in trouble"
    echo(styled(f"{now:%Y-%m-%d %H:%M:%S} UTC: {verdict}", bold=True))
    columns, room = _screen()
    heights = [len(textwrap.wrap(_sentence(row, now), columns)) for row in notices]
    listed = _fitting(heights, max(room // 2, room - max(bad, _FEWEST)))
    _write_ways(ways, max(_FEWEST, room - sum(heights[:listed])), now)
    _write_notices(notices, listed, now)
    if remark:
        echo()
        footnote(remark)


def _write_ways(ways: Sequence[WayRow], most: int, now: datetime) -> None:
    if ways:
        echo()
        table(_TITLES, [_cells(row, now) for row in ways[:most]], right=("read",), free=("why",))
    if left := ways[most:]:
        footnote(f"and {len(left):,} more, {sum(row.state in TROUBLE for row in left) or 'none'} in trouble")


def _write_notices(notices: Sequence[NoticeRow], most: int, now: datetime) -> None:
    if notices:
        echo()
    for row in notices[:most]:
        line = _sentence(row, now)
        footnote(styled(line, fg="red") if row.confirmed else styled(line, dim=True))
    if left := notices[most:]:
        footnote(f"and {count(len(left), 'notice')} more: headrace status --json lists them all")


def _screen() -> tuple[int, int]:
    """Return the columns of a sentence, and the lines that the screen has for ways and notices."""
    if not sys.stdout.isatty():
        return _WIDEST, sys.maxsize
    columns, lines = shutil.get_terminal_size()
    return max(_NARROWEST, columns - 4), max(2 * _FEWEST, lines - _AROUND_LINES)


def _fitting(heights: Sequence[int], room: int) -> int:
    """Return how many sentences of these heights fit, counted from the first."""
    return sum(total <= room for total in accumulate(heights))


def _cells(row: WayRow, now: datetime) -> Sequence[str]:
    read = "" if row.via != "poll" else _ago(row.last_success, now) if isinstance(row.last_success, str) else "never"
    return (
        row.source[1:],
        row.via,
        styled(row.state, fg=_COLORS.get(row.state, "red")),
        read,
        "; ".join(row.why),
    )


def _sentence(row: NoticeRow, now: datetime) -> str:
    item = f" {row.item}" if row.item else ""
    doubt = "" if row.confirmed else f", which nobody has confirmed for {_span(row.written, now)}"
    return f"{row.source[1:]}: {row.notice}{item} for {_span(row.since, now)}{doubt}: {row.why}"


def _ago(moment: str, now: datetime) -> str:
    return f"{_span(moment, now)} ago"


def _span(moment: str, now: datetime) -> str:
    return span(max(0, int((now - parse(moment)).total_seconds())), 1)
