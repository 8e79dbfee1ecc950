"""The screen of `headrace status`: the ways of all tenants, then what is open, the worst first."""

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, chain
from typing import Final

from headrace.cli._formatting import count, footnote, note_height, span, table_blocks, table_lines
from headrace.cli._output import Styled, echo, styled
from headrace.cli._status_rows import TROUBLE, NoticeRow, WayRow
from headrace.core.timestamps import parse

_TITLES: Final = ("tenant", "via", "state", "read", "why")
_COLORS: Final = {"ok": "green", "unwatched": None, "unread": "cyan", "behind": "yellow", "paused": "magenta"}
_FEWEST: Final = 3
_UNWATCHED: Final = "unwatched: nobody looks at these webhooks: the tenant is not polled, or public_url is not set"
_AROUND_LINES: Final = 10
"""Lines beside those of ways and notices."""


def write_page(ways: Sequence[WayRow], notices: Sequence[NoticeRow], remark: str, now: datetime) -> None:
    """Write the screen; where it is a terminal, what does not fit is counted alone."""
    bad = sum(row.state in TROUBLE for row in ways)
    confirmed = sum(row.confirmed for row in notices)
    verdict = f"{count(confirmed, 'notice')} open, {bad:,} of {count(len(ways), 'way')} in trouble"
    echo(styled(f"{now:%Y-%m-%d %H:%M:%S} UTC: {verdict}", bold=True))
    room = _screen_lines()
    heights = [note_height(_sentence(row, now)) for row in notices]
    titles, *of_ways = _blocks([_cells(row, now) for row in ways], room - sum(heights))
    in_trouble = sum(map(len, of_ways[:bad]))
    listed = _fitting(heights, max(room // 2, room - max(in_trouble, _FEWEST)))
    fit = _fitting(list(map(len, of_ways)), room - sum(heights[:listed]))
    _write_ways(ways, [titles, *of_ways[: max(_FEWEST, fit)]])
    _write_notices(notices, listed, now)
    if remark:
        echo()
        footnote(remark)


def _blocks(rows: Sequence[Sequence[str]], room: int) -> list[list[Styled]]:
    """Return the lines of the titles and of each way: with all that there is to say of it, if all of that fits."""
    blocks = table_blocks(_TITLES, rows, right=("read",))
    if sum(map(len, blocks[1:])) <= room:
        return blocks
    return [[line] for line in table_lines(_TITLES, rows, right=("read",), free=("why",))]


def _write_ways(ways: Sequence[WayRow], blocks: Sequence[Sequence[str]]) -> None:
    """Write ways as a table: the titles, then those that there is room for."""
    if ways:
        echo()
        for line in chain.from_iterable(blocks):
            echo(line)
    if left := ways[len(blocks) - 1 :]:
        footnote(f"and {len(left):,} more, {sum(row.state in TROUBLE for row in left) or 'none'} in trouble")
    if any(row.state == "unwatched" for row in ways):
        footnote(styled(_UNWATCHED, dim=True))


def _write_notices(notices: Sequence[NoticeRow], most: int, now: datetime) -> None:
    if notices:
        echo()
    for row in notices[:most]:
        line = _sentence(row, now)
        footnote(styled(line, fg="red") if row.confirmed else styled(line, dim=True))
    if left := notices[most:]:
        footnote(f"and {count(len(left), 'notice')} more: headrace status --json lists them all")


def _screen_lines() -> int:
    """Return the lines that the screen has for ways and notices."""
    return max(2 * _FEWEST, shutil.get_terminal_size().lines - _AROUND_LINES) if sys.stdout.isatty() else sys.maxsize


def _fitting(heights: Sequence[int], room: int) -> int:
    """Return how many of these heights fit, counted from the first."""
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
