"""A dead letter as a page for people: problem, bytes with the place underlined, what it is today, what to do."""

from typing import Final

from headrace.cli._byte_rows import ByteRow, all_rows, rows_around
from headrace.cli._formatting import definitions
from headrace.cli._letters_shown import ShownLetter
from headrace.cli._output import Styled, echo, styled
from headrace.explain import Explanation
from headrace.sdk.provider import UNREADABLE, RawEvent

_WIDE: Final = 9
_OFFSET: Final = 8
"""Columns of the offset before a row of bytes."""
_NEXT: Final = {
    "foreign": "find out who else writes to raw: this record cannot go back",
    "unnamed": "redrive it: it is named anew",
    "too_large": "raise max.message.bytes of events, then redrive",
    "unwritable": "mend the topic that Kafka refused it for (the log of that time says which), then redrive",
    "internal": "report the kind of the error with the bytes; upgrade to a version that reads them, then redrive",
    "malformed": "the bytes are broken: let the platform send the record again (`headrace fetch`, `headrace backfill`)",
}
_OTHERWISE: Final = (
    "let the platform correct the record; where it is right, report place and bytes: it takes a version that reads it, "
    "then redrive"
)
_REPLAY: Final = (
    "it is of a replay, and what was published stays: once normalizers are of this version and have this mapping, run "
    "`headrace replay` again"
)
_WAITED: Final = ("held_too_long", "too_many_held", "unknown_tenant")
"""What a letter is only because its tenant was not there."""
_SIZED: Final = ("too_large", "unwritable")


def show_letter(one: ShownLetter, *, whole: bool) -> None:
    """Print a letter; `whole` shows all of its bytes."""
    letter = one.letter
    named = f"  {letter.resource}/{letter.id}" if letter.id else ""
    problem = styled(letter.problem.code, fg="red", bold=True)
    echo(styled(f"{one.place}  ", bold=True) + problem + styled(f"  {letter.source[1:]}{named}", bold=True))
    where = letter.problem.source
    place = "" if where is None else where.pointer or f"byte {where.offset}"
    mapping = f", with mapping {letter.mapping}" if letter.mapping else ""
    position = f"{letter.raw.topic} {letter.raw.partition}@{letter.raw.offset}"
    _facts(
        ("problem", f"{letter.problem.title}: {letter.problem.detail}"),
        *([("at", place)] if place else []),
        ("written", f"{letter.recordedtime}{mapping}"),
        ("received", _received(letter.received, letter.via, one.raw)),
        ("raw", position),
    )
    _show_bytes(one, whole=whole)
    for record in one.today:
        _facts(("today", _today(record, one)))
    if one.more:
        _facts(("", "… and further records"))
    _facts(("next", next_step(one)))
    echo()


def _facts(*pairs: tuple[str, str]) -> None:
    definitions([(f"{name:<{_WIDE}}", text) for name, text in pairs])


def _received(received: str, via: str, raw: RawEvent | None) -> str:
    parts = [f"{received} by {via}"]
    if raw is not None:
        parts += [f"{name} {value}" for name, value in _beside(raw) if value]
    return ", ".join(parts)


def _beside(raw: RawEvent) -> list[tuple[str, str]]:
    redriven = raw.letter or ("from a letter" if raw.redriven else "")
    return [
        ("shape", raw.shape),
        ("hint", raw.hint),
        ("delivery", raw.delivery),
        ("redriven", redriven),
        ("replayed under", raw.replay),
        ("returned", "as told" if raw.as_told else ""),
    ]


def _show_bytes(one: ShownLetter, *, whole: bool) -> None:
    if not one.value:
        why = "its tenant's events are redacted; raw has the record" if one.letter.redacted else "the body was empty"
        _facts(("bytes", f"none in the letter: {why}"))
        return
    _facts(("bytes", f"{len(one.value):,}" + ("" if whole or one.at is None else ", around the place:")))
    begin, end = (one.at.begin, one.at.end) if one.at else (0, 0)
    for row in all_rows(one.value, begin, end) if whole else rows_around(one.value, begin, end):
        _show_row(row, marks=one.at is not None)
    if one.at and one.at.missing:
        _facts(("", f"{one.at.missing} is not there"))


def _show_row(row: ByteRow, *, marks: bool) -> None:
    echo(styled(f"{row.begin:>{_OFFSET}}  ", dim=True) + row.text)
    if row.underline and marks:
        echo(Styled(" " * (_OFFSET + 2)) + styled(row.underline, fg="red", bold=True))


def _today(record: Explanation, one: ShownLetter) -> str:
    """Return what one record would become today."""
    number = f"record {record.number}: " if one.raw is not None and one.raw.shape == UNREADABLE else ""
    named = f"{record.identity.resource}/{record.identity.id} " if record.identity else ""
    if record.problem is not None:
        again = "the same" if record.problem == one.letter.problem else str(record.problem)
        return f"{number}{named}a dead letter again, {again}"
    if record.event is None:
        return f"{number}{named}not published: {record.fate}, by row {record.row}"
    unsure = "; whether it fits its topic shows when it is sent" if one.letter.problem.code in _SIZED else ""
    return f"{number}{record.event.id} → {record.event.word}, by row {record.row}, unless it was published{unsure}"


def next_step(one: ShownLetter) -> str:
    """Return what to do about a letter."""
    code, redrive = one.letter.problem.code, f"headrace dead-letters redrive {one.place}"
    if one.raw is not None and one.raw.replay:
        return _REPLAY
    if one.waits == "unknown" and code != "foreign":
        return f"configure {one.letter.source}, then {redrive}"
    readable = code not in _SIZED and any(record.problem is None for record in one.today)
    if readable or code in _WAITED or (one.letter.redacted and code not in _NEXT):
        if one.waits:
            return f"{one.letter.source} is paused, and what is sent back is held: let it go on, then {redrive}"
        return f"{_why(one, readable=readable)}: {redrive}"
    return _NEXT.get(code, _OTHERWISE)


def _why(one: ShownLetter, *, readable: bool) -> str:
    """Return why a letter can go back."""
    if readable:
        return "today it can be read"
    return "redrive reads it on raw, while that has it" if one.letter.redacted else "its tenant goes on"
