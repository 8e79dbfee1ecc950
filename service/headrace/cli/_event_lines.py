"""Format an event or dead letter as one aligned line: brief for a terminal of 100 columns, complete for a pipe."""

import re
import shutil
from datetime import UTC, datetime
from typing import Final

from headrace.cli._formatting import clock, cut, short
from headrace.cli._output import Styled, styled
from headrace.core.mapping import UNMAPPED
from headrace.observe.escapes import escaped
from headrace_events import DeadLetter, Event

PROVISIONAL: Final = " (provisional)"
"""Suffix of a provenance's row that stands for a whole range of codes."""

_REPLAYED: Final = re.compile(r"~[0-9a-f]{8}$")
"""End of the id of an event that a replay published."""
_BAD: Final = ("failed", "blocked", "bounced", "marked_spam")


def event_titles(only: str | None = None) -> str:
    """Return the titles above events; `only` as in `event_line`."""
    source = f"{'source':<16} " if only is None else ""
    return f"{'time':>11} {source}{'via':<7} {'type':<20} {'lead':<11} {'id':<17} note"


def event_line(event: Event, *, brief: bool, only: str | None = None) -> Styled:
    """Return the line of an event; `brief` shortens long ids, omits versions and ends where the terminal does.

    Where `only` is the source of all that is to come, there is no column for it: another one stands in the note.
    """
    data = event.data
    color = "yellow" if event.word == UNMAPPED else "red" if data.action in _BAD else "cyan"
    subject, named = event.subject, event.id
    if brief:
        named = "/".join(named.split("/")[:2])
        subject, named = "-" if subject == named else short(subject).removeprefix("lead/"), short(named)
    source = f"{event.source[1:]:<16} " if only is None else ""
    start = f"{_when(event.time or event.recordedtime, brief=brief)} {source}{data.provenance.via:<7} "
    strange = f"of {event.source[1:]} " if only not in {None, event.source} else ""
    end = escaped(f" {subject:<11} {named:<17} {strange}{note(event, brief=brief)}".rstrip())
    word = f"{event.word:<20}"
    if brief:
        end = cut(end, shutil.get_terminal_size().columns - len(start) - len(word))
    return start + styled(word, fg=color) + end


def note(event: Event, *, brief: bool) -> str:
    """Return what is special about an event, in a few words."""
    data = event.data
    notes: list[str | None] = [data.outcome, event.traffic if event.traffic != "real" else None]
    if event.word == UNMAPPED:
        name = data.native.name if data.native.name != data.native.code else None
        notes.append(("" if brief else "unmapped ") + f"code {data.native.code}" + (f' "{name}"' if name else ""))
    if data.provenance.row.endswith(PROVISIONAL):
        notes += [f"code {data.native.code}", "provisional"]
    if _REPLAYED.search(event.id):
        notes.append("replayed")
    if data.revised and data.revised != event.time:
        notes.append(f"revised {data.revised[11:19]}")
    return ", ".join(each for each in notes if each)


def letter_titles(place: str) -> str:
    """Return the titles above dead letters; `place` is what the column of places shows."""
    return f"{'time':>11} {'source':<16} {'problem':<10} {'where':<16} {place:<6} detail"


def letter_line(letter: DeadLetter, *, brief: bool, indent: int = 0, place: str = "") -> Styled:
    """Return the line of a dead letter: time, source, problem and where it lies, `place`, detail.

    Without a `place` it is that of the raw record with the bytes. `brief` ends where a terminal does whose first
    `indent` columns are taken.
    """
    where = letter.problem.source
    pointer = "" if where is None else where.pointer or f"byte {where.offset}"
    place = place or f"{letter.raw.partition}@{letter.raw.offset}"
    start = f"{_when(letter.recordedtime, brief=brief)} {letter.source[1:]:<16} "
    problem, end = f"{letter.problem.code:<10}", escaped(f" {pointer:<16} {place:<6} {letter.problem.detail}")
    if brief:
        end = cut(end, shutil.get_terminal_size().columns - indent - len(start) - len(problem))
    return start + styled(problem, fg="red") + end


def _when(text: str, *, brief: bool) -> str:
    return clock(text, datetime.now(UTC)) if brief else f"{text:<24}"
