"""What `headrace check --online` found: one row a thing that was looked at, and what to do about each fault."""

from collections.abc import Sequence
from itertools import chain
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from headrace.cli._formatting import count, footnote, once_on_a_terminal, table_blocks
from headrace.cli._output import echo, echo_json, styled
from headrace.observe.redact import scrub

CheckState: TypeAlias = Literal["ok", "fault", "unknown", "off"]
_TITLES: Final = ("where", "check", "state", "found")
_MOST_NAMED: Final = 5
"""Tenants of which the same is said."""
_COLORS: Final[dict[CheckState, str | None]] = {"ok": "green", "fault": "red", "unknown": "yellow", "off": None}


class CheckRow(Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at, as `--json` writes it: `where` is "kafka", a file or a tenant.

    `found` is a sentence, `next` what to do: about each fault, and where more can be known.
    """

    where: str
    check: str
    state: CheckState
    found: str
    next: str = ""


def write_json(rows: Sequence[CheckRow]) -> None:
    """Print one object a row."""
    for row in map(_safe, rows):
        echo_json(msgspec.json.encode(row))


def write_table(rows: Sequence[CheckRow]) -> None:
    """Print rows as a table, and below it, with what to do, what is not known and each fault."""
    shown = list(map(_safe, rows))
    where = once_on_a_terminal([row.where for row in shown])
    cells = [
        (name, row.check, styled(row.state, fg=_COLORS[row.state]), row.found)
        for name, row in zip(where, shown, strict=True)
    ]
    for line in chain.from_iterable(table_blocks(_TITLES, cells)):
        echo(line)
    for state in ("unknown", "fault"):
        _write_notes([row for row in shown if row.state == state and row.next])
    echo()
    faults = sum(row.state == "fault" for row in shown)
    unknown = sum(row.state == "unknown" for row in shown)
    found = f"{count(faults, 'fault')}." if faults else "No fault."
    rest = f" {count(unknown, 'thing')} could not be looked at." if unknown else ""
    echo(styled(found + rest, bold=True))


def _write_notes(rows: Sequence[CheckRow]) -> None:
    """Print rows whole, each with what to do; what is the same of several tenants is printed once."""
    alike: dict[tuple[str, str, str], list[CheckRow]] = {}
    for row in rows:
        alike.setdefault((row.check, row.found, row.next), []).append(row)
    for (check, found, following), same in alike.items():
        names = ", ".join(row.where for row in same[:_MOST_NAMED])
        more = f" and {len(same) - _MOST_NAMED:,} more" if len(same) > _MOST_NAMED else ""
        echo()
        footnote(styled(f"{names}{more} {check}: {found}.", fg=_COLORS[same[0].state]))
        footnote(f"next: {following}")


def _safe(row: CheckRow) -> CheckRow:
    """Return a row without what looks like a secret: what platforms and files say stands in it."""
    return msgspec.structs.replace(row, found=scrub(row.found), next=scrub(row.next))
