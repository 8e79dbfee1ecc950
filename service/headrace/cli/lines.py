"""One aligned line for each event or dead letter, at most a hundred columns wide unless there is much to note."""

from datetime import UTC, datetime
from typing import Final

import click

from headrace.cli.show import clock, short
from headrace.mapping import UNMAPPED
from headrace_events import DeadLetter, Event

EVENT_TITLES: Final = f"{'time':>11}  {'source':<16} {'via':<7} {'type':<22} {'subject':<15} {'id':<21} note"
LETTER_TITLES: Final = f"{'time':>11}  {'source':<16} {'code':<14} {'where':<20} {'raw':<8} detail"
PROVISIONAL: Final = " (provisional)"
"""How a provenance's row ends where it stands for a whole range of codes."""

_BAD: Final = ("failed", "blocked", "bounced", "marked_spam")


def event_line(event: Event, *, brief: bool) -> str:
    """Write an event; `brief` shortens long ids and leaves versions out, for a terminal."""
    data = event.data
    color = "yellow" if event.word == UNMAPPED else "red" if data.action in _BAD else "cyan"
    subject, named = event.subject, event.id
    if brief:
        subject, named = short(subject), short("/".join(named.split("/")[:2]))
    return " ".join(
        (
            click.style(_when(event.time or event.recordedtime, brief=brief), dim=True) + " ",
            f"{event.source[1:]:<16}",
            f"{data.provenance.via:<7}",
            click.style(f"{event.word:<22}", fg=color),
            f"{subject:<15}",
            f"{named:<21}",
            click.style(note(event), dim=True),
        )
    ).rstrip()


def note(event: Event) -> str:
    """Say in a few words what is special about an event."""
    data = event.data
    notes: list[str | None] = [data.outcome, event.traffic if event.traffic != "real" else None]
    if event.word == UNMAPPED:
        notes.append(f"unmapped code {data.native.code}" + (f' "{data.native.name}"' if data.native.name else ""))
    if data.provenance.row.endswith(PROVISIONAL):
        notes.append("provisional")
    if data.revised and data.revised != event.time:
        notes.append(f"revised {data.revised[11:19]}")
    return ", ".join(each for each in notes if each)


def letter_line(letter: DeadLetter, *, brief: bool) -> str:
    """Write a dead letter: when it was written, whose, what is wrong where, and the raw record with the bytes."""
    where = letter.problem.source
    place = "" if where is None else where.pointer or f"byte {where.offset}"
    return " ".join(
        (
            click.style(_when(letter.recordedtime, brief=brief), dim=True) + " ",
            f"{letter.source[1:]:<16}",
            click.style(f"{letter.problem.code:<14}", fg="red"),
            f"{place:<20}",
            f"{letter.raw.partition}@{letter.raw.offset:<6}",
            letter.problem.detail,
        )
    )


def _when(text: str, *, brief: bool) -> str:
    return clock(text, datetime.now(UTC)) if brief else f"{text:<24}"
