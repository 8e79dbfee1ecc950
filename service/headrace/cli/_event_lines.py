"""Format an event or dead letter as one aligned line: brief for a terminal of 100 columns, complete for a pipe."""

import re
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from headrace.cli._formatting import clock, cut, short
from headrace.cli._output import Styled, styled
from headrace.core.mapping import UNMAPPED
from headrace.core.text_width import fill, text_width
from headrace.observe.escapes import escaped
from headrace_events import DeadLetter, Event, Problem

PROVISIONAL: Final = " (provisional)"
"""Suffix of a provenance's row that stands for a whole range of codes."""

SOURCE_WIDE: Final = 16
_BESIDE_SOURCE: Final = 61
"""Columns that the rest of a line needs at least."""
_WHOLE_TIME: Final = 24
_WIDTHS: Final = {"time": 11, "source": SOURCE_WIDE, "via": 7, "type": 20, "lead": 11, "id": 17}
_FIRST_TO_GO: Final = ("lead", "via")
_LEAST_NOTE: Final = 9
_WIDEST_TYPE: Final = 25
_REPLAYED: Final = re.compile(r"~[0-9a-f]{8}$")
"""End of the id of an event that a replay published."""
_BAD: Final = ("failed", "blocked", "bounced", "marked_spam")


def event_titles(only: str | None = None, *, wide: int = SOURCE_WIDE) -> str:
    """Return the titles above events of a terminal; `only` and `wide` as in `event_line`."""
    widths = _widths(only, brief=True, wide=wide)
    return " ".join([*(fill(name, width, right=name == "time") for name, width in widths.items()), "note"])


def event_line(event: Event, *, brief: bool, only: str | None = None, wide: int = SOURCE_WIDE) -> Styled:
    """Return the line of an event; `brief` shortens long ids, omits versions and ends where the terminal does.

    Where `only` is the source of all that is to come, there is no column for it: another one stands in the note. The
    column of sources is `wide`; on a narrow terminal those of `_FIRST_TO_GO` make room for the note.
    """
    data = event.data
    color = "yellow" if event.word == UNMAPPED else "red" if data.action in _BAD else "cyan"
    subject, named = event.subject, event.id
    if brief:
        named = "/".join(named.split("/")[:2])
        subject, named = "-" if subject == named else short(subject).removeprefix("lead/"), short(named)
    cells = {
        "time": _when(event.time or event.recordedtime, brief=brief),
        "source": cut(event.source[1:], wide) if brief else event.source[1:],
        "via": data.provenance.via,
        "type": event.word,
        "lead": subject,
        "id": named,
    }
    strange = f"of {event.source[1:]} " if only not in {None, event.source} else ""
    widths = _widths(only, brief=brief, wide=wide)
    shown = {name: fill(escaped(cells[name]), width) for name, width in widths.items()}
    start = "".join(f"{shown.pop(name)} " for name in ("time", "source", "via") if name in shown)
    word = shown.pop("type")
    end = " ".join(["", *shown.values(), escaped(strange + note(event, brief=brief))]).rstrip()
    if brief:
        end = cut(end, shutil.get_terminal_size().columns - text_width(start) - text_width(word))
    return Styled(start) + styled(word, fg=color) + Styled(end)


def _widths(only: str | None, *, brief: bool, wide: int) -> dict[str, int]:
    """Return the columns of a line with their widths, but for the note's."""
    widths = _WIDTHS | {"source": wide} | ({} if brief else {"time": _WHOLE_TIME})
    if only is not None:
        del widths["source"]
    if brief:
        for name in _FIRST_TO_GO:
            if _spare(widths) < 0:
                del widths[name]
        widths["type"] += min(_WIDEST_TYPE - widths["type"], max(0, _spare(widths) // 2))
    return widths


def _spare(widths: Mapping[str, int]) -> int:
    """Return the columns of the terminal that these and the least note leave."""
    return shutil.get_terminal_size().columns - sum(widths.values()) - len(widths) - _LEAST_NOTE


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


def letter_titles(place: str, *, wide: int = SOURCE_WIDE) -> str:
    """Return the titles above dead letters; `place` is what the column of places shows, `wide` as in `letter_line`."""
    return f"{'time':>11} {'source':<{wide}} {'problem':<10} {'where':<16} {place:<6} detail"


def letter_line(
    letter: DeadLetter, *, brief: bool, indent: int = 0, place: str = "", wide: int = SOURCE_WIDE
) -> Styled:
    """Return the line of a dead letter: time, source, problem and where it lies, `place`, detail.

    Without a `place` it is that of the raw record with the bytes. The column of sources is `wide`. `brief` ends where a
    terminal does whose first `indent` columns are taken.
    """
    pointer = pointer_of(letter.problem)
    place = place or f"{letter.raw.partition}@{letter.raw.offset}"
    source = escaped(letter.source[1:])
    source = fill(cut(source, wide) if brief else source, wide)
    start = f"{escaped(_when(letter.recordedtime, brief=brief))} {source} "
    problem = fill(escaped(letter.problem.code), 10)
    end = f" {fill(escaped(pointer), 16)} {place:<6} {escaped(letter.problem.detail)}"
    if brief:
        end = cut(end, shutil.get_terminal_size().columns - indent - text_width(start) - text_width(problem))
    return Styled(start) + styled(problem, fg="red") + Styled(end)


def pointer_of(problem: Problem) -> str:
    """Return where in the bytes a problem lies, "" where it lies nowhere."""
    where = problem.source
    return "" if where is None else where.pointer or f"byte {where.offset}"


def source_width(sources: Iterable[str]) -> int:
    """Return how wide the column of these sources is on a terminal, so that lines stand below their titles."""
    longest = max((text_width(source[1:]) for source in sources), default=SOURCE_WIDE)
    room = max(SOURCE_WIDE, shutil.get_terminal_size().columns - _BESIDE_SOURCE)
    return min(max(longest, len("source")), room)


def _when(text: str, *, brief: bool) -> str:
    return clock(text, datetime.now(UTC)) if brief else f"{text:<{_WHOLE_TIME}}"
