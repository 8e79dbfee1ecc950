"""Format an event or dead letter as one aligned line: brief for a terminal of 100 columns, complete for a pipe."""

import shutil
from datetime import UTC, datetime
from typing import Final

from headrace.cli._formatting import clock, cut, short
from headrace.cli._output import Styled, styled
from headrace.core.mapping import UNMAPPED
from headrace.observe.escapes import escaped
from headrace_events import DeadLetter, Event

EVENT_TITLES: Final = f"{'time':>11} {'source':<16} {'via':<7} {'type':<20} {'lead':<11} {'id':<17} note"
PROVISIONAL: Final = " (provisional)"
"""Suffix of a provenance's row that stands for a whole range of codes."""

_BAD: Final = ("failed", "blocked", "bounced", "marked_spam")


def event_line(event: Event, *, brief: bool) -> Styled:
    """Return the line of an event; `brief` shortens long ids, omits versions and ends where the terminal does."""
    data = event.data
    color = "yellow" if event.word == UNMAPPED else "red" if data.action in _BAD else "cyan"
    subject, named = event.subject, event.id
    if brief:
        named = "/".join(named.split("/")[:2])
        subject, named = "-" if subject == named else short(subject).removeprefix("lead/"), short(named)
    start = f"{_when(event.time or event.recordedtime, brief=brief)} {event.source[1:]:<16} {data.provenance.via:<7} "
    end = escaped(f" {subject:<11} {named:<17} {note(event, brief=brief)}".rstrip())
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
        notes.append("provisional")
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
