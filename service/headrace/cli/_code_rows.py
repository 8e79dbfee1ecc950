"""Print native codes that are open: a table of them, and below it what is known and guessed of each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from headrace.cli._formatting import clock, table
from headrace.cli._open_codes import OpenCode
from headrace.cli._output import echo
from headrace.core.proposals import Proposal

_NO_GUESS: Final = "-"


def print_codes(codes: Sequence[OpenCode], *, whole: bool) -> None:
    """Print both tables; with `whole`, also what each code is today."""
    now = datetime.now(UTC)
    rows = [
        (
            one.source,
            one.resource,
            one.code or "-",
            one.name or "-",
            one.published_as,
            *((one.today,) if whole else ()),
            f"{one.events:,}",
            clock(one.last, now),
        )
        for one in codes
    ]
    titles = ("source", "resource", "code", "name", "published as", *(("today",) if whole else ()), "events", "last")
    table(titles, rows, right=("events", "last"), free=("published as", "name", "code"))
    echo()
    about = [
        (one.code or "-", clock(one.first, now), _place(one), _guess(one.proposal), _why(one.proposal)) for one in codes
    ]
    table(("code", "first", "raw", "guess", "because of"), about, right=("first",), free=("code", "because of"))


def _place(one: OpenCode) -> str:
    newest = next(iter(one.samples), None)
    return "-" if newest is None else f"{newest.partition}@{newest.offset}"


def _guess(proposal: Proposal | None) -> str:
    return _NO_GUESS if proposal is None else proposal.type


def _why(proposal: Proposal | None) -> str:
    return _NO_GUESS if proposal is None else proposal.why
