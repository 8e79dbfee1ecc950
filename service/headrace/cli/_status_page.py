"""The screen of `headrace status`: the ways of all tenants, then what is open, the worst first."""

import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from headrace.cli._formatting import count, footnote, span, table
from headrace.cli._output import echo, styled
from headrace.cli._status_rows import TROUBLE, NoticeRow, WayRow
from headrace.core.timestamps import parse

_TITLES: Final = ("tenant", "via", "state", "read", "why")
_COLORS: Final = {"ok": "green", "unwatched": "white", "unread": "cyan", "behind": "yellow", "paused": "magenta"}
_FEWEST: Final = 3
_AROUND_LINES: Final = 6
"""Lines beside those of ways and notices."""


def write_page(ways: Sequence[WayRow], notices: Sequence[NoticeRow], remark: str, now: datetime) -> None:
    """Write the screen; where it is a terminal, ways that are well and do not fit are counted alone."""
    bad = sum(row.state in TROUBLE for row in ways)
    open_now = [row for row in notices if row.confirmed]
    verdict = f"{count(len(open_now), 'notice')} open, {bad:,} of {count(len(ways), 'way')} in trouble"
    echo(styled(f"{now:%Y-%m-%d %H:%M:%S} UTC: {verdict}", bold=True))
    lines = [_sentence(row, now) for row in notices]
    shown = ways[: max(bad, _room(lines))]
    if shown:
        echo()
        table(_TITLES, [_cells(row, now) for row in shown], right=("read",), free=("why",))
    if len(shown) < len(ways):
        footnote(f"and {count(len(ways) - len(shown), 'way')} more, none in trouble")
    if lines:
        echo()
    for row, line in zip(notices, lines, strict=True):
        footnote(styled(line, fg="red") if row.confirmed else styled(line, dim=True))
    if remark:
        echo()
        footnote(remark)


def _room(lines: Sequence[str]) -> int:
    """Return how many ways fit on the screen beside these sentences."""
    if not sys.stdout.isatty():
        return sys.maxsize
    columns, rows = shutil.get_terminal_size()
    taken = sum(len(textwrap.wrap(line, max(20, columns - 4))) for line in lines)
    return max(_FEWEST, rows - taken - _AROUND_LINES)


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
    since = _ago(row.since, now)
    doubt = "" if row.confirmed else f" (nobody has confirmed it since {_at(row.written)})"
    return f"{row.notice} {row.source}{item}, since {_at(row.since)}, {since}{doubt}: {row.why}"


def _ago(moment: str, now: datetime) -> str:
    return f"{span(max(0, int((now - parse(moment)).total_seconds())), 1)} ago"


def _at(moment: str) -> str:
    return parse(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
