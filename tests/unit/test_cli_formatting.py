"""What the command line reads from files, and how it writes results down."""

import io
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest
from click.testing import CliRunner

from headrace.cli import main, takes_color
from headrace.cli._event_lines import event_line, event_titles, letter_line, note, source_width
from headrace.cli._formatting import (
    clock,
    columns_that_fit,
    count,
    error_text,
    footnote,
    once_on_a_terminal,
    short,
    table,
    table_blocks,
)
from headrace.cli._input_files import bodies
from headrace.cli._letter_filter import moment
from headrace.cli._output import progress, styled
from headrace.core.text_width import text_width
from headrace_events import Data, DeadLetter, Event, Native, Problem, Provenance, RawPosition, Source


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (b'{"a": 1}', [b'{"a": 1}']),
        (b'\n{"a": 1}\n\n', [b'{"a": 1}']),
        (b'{\n "a": 1\n}\n', [b'{\n "a": 1\n}\n']),
        (b'{"a": 1}\r\n\r\n{"a": 2}\n[3]', [b'{"a": 1}', b'{"a": 2}', b"[3]"]),
        (b'{"a": 1}\n{"a": \n', [b'{"a": 1}', b'{"a":']),
        (b'{"a": \n{"a": 1}\n{"a": 2}\n', [b'{"a":', b'{"a": 1}', b'{"a": 2}']),
        (b'{\n "a": [\n  {},\n', [b'{\n "a": [\n  {},\n']),
        (b"name=Acme&kind=x", [b"name=Acme&kind=x"]),
        (b"one\ntwo\n", [b"one\ntwo\n"]),
        (b"\xff\xfe{\n", [b"\xff\xfe{\n"]),
        (b"", [b""]),
        (b"[" * 100_000, [b"[" * 100_000]),
    ],
)
def test_bodies_of_a_file(file: bytes, wanted: list[bytes]) -> None:
    """A file is one body, or one a line where its lines are JSON; a broken body stays whole."""
    assert list(bodies(io.BytesIO(file))) == wanted


def test_lines_are_given_as_they_come() -> None:
    """A stream of lines is not read to its end before its first body is yielded."""

    class Endless(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:  # noqa: ARG002  (the signature of files)
            return b'{"a": 1}\n'

        __next__ = readline  # iteration reads lines

    found = bodies(Endless())
    assert [next(found) for _ in range(3)] == [b'{"a": 1}'] * 3


def event(**data: Any) -> Event:
    """Make an event of an imaginary provider; `data` overrides."""
    native = Native("acme", "north", "call", "c-1", code="350", name="Site visit")
    row = data.pop("row", "350")
    defaults: dict[str, Any] = {"category": "unmapped", "native": native}
    provenance = Provenance("poll", "2026-08-08T09:00:00Z", RawPosition("headrace.raw", 1, 2), "00000000", row)
    word = "unmapped" if "action" not in data else f"{data['category']}.{data['action']}"
    return Event(
        specversion="1.0",
        id="call/4f7a01e2-0000-4000-8000-00000000009c/1786179810000000",
        source="/acme/north",
        type=f"headrace.{word}.v1",
        subject="lead/81",
        time="2026-08-08T09:00:00Z",
        recordedtime="2026-08-08T09:00:01Z",
        datacontenttype="application/json",
        dataschema="urn:headrace:event:1",
        partitionkey="/acme/north/lead/81",
        data=Data(**(defaults | data), provenance=provenance),
    )


def test_an_event_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe gets whole ids and times; a terminal gets them short, so that a line stays a line."""
    monkeypatch.setenv("COLUMNS", "100")
    whole = click.unstyle(event_line(event(), brief=False))
    assert whole.split() == [
        "2026-08-08T09:00:00Z",
        "acme/north",
        "poll",
        "unmapped",
        "lead/81",
        "call/4f7a01e2-0000-4000-8000-00000000009c/1786179810000000",
        "unmapped",
        "code",
        "350",
        '"Site',
        'visit"',
    ]
    brief = click.unstyle(event_line(event(), brief=True))
    assert len(brief) <= 100
    assert brief.split()[2:8] == ["acme/north", "poll", "unmapped", "81", "call/4f7a…09c", "code"]


def test_where_there_is_one_source_it_has_no_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is the id's, with which one asks on: 80 columns have it whole. Another source stands in the note."""
    monkeypatch.setenv("COLUMNS", "80")
    provisional = event(category="custom", action="logged", row="100-299 (provisional)")
    line = click.unstyle(event_line(provisional, brief=True, only="/acme/north"))
    assert line.split()[2:] == ["poll", "custom.logged", "81", "call/4f7a…09c", "code", "350…"]
    assert line.index("call/") == event_titles("/acme/north").index("id")
    assert "of acme/…" in click.unstyle(event_line(provisional, brief=True, only="/acme/south"))
    assert "acme/north" in click.unstyle(event_line(provisional, brief=True))


def test_lines_of_events_stand_below_their_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a source is, and whatever letters a lead has; where there is little room the note has it."""
    for columns, titles in ((80, "time source type id note"), (120, "time source via type lead id note")):
        monkeypatch.setenv("COLUMNS", str(columns))
        wide = source_width(["/acme/north-emea-production"])
        head = event_titles(wide=wide)
        assert " ".join(head.split()) == titles
        for lead in ("lead/81", "lead/王小明"):
            one = event(category="call", action="completed", outcome="busy")
            one.source, one.subject = "/acme/north-emea-production", lead
            line = click.unstyle(event_line(one, brief=True, wide=wide))
            assert text_width(line) <= columns
            assert text_width(line[: line.index("busy")]) == head.index("note")


def test_what_is_worth_a_note() -> None:
    """Outcome, traffic that is no sales activity, a provisional row, a replay and a later revision are noted."""
    call = event(category="call", action="unanswered", outcome="busy", revised="2026-08-08T09:00:07Z")
    assert note(call, brief=False) == "busy, revised 09:00:07"
    assert note(event(category="custom", action="logged", row="100-299 (provisional)"), brief=False) == (
        "code 350, provisional"
    )
    again = event(category="call", action="completed")
    again.id += "~6625975a"
    assert note(again, brief=False) == "replayed"
    quiet = event(category="call", action="completed", revised="2026-08-08T09:00:00Z")
    assert note(quiet, brief=False) == ""


def test_a_dead_letter_in_one_line() -> None:
    """A dead letter tells when, whose, what is wrong where, the raw record, and the detail."""
    letter = DeadLetter(
        problem=Problem("bad_value", "A value makes no sense", "no such month", Source(pointer="$.CreatedOn")),
        source="/acme/north",
        via="poll",
        received="2026-08-08T09:00:00Z",
        recordedtime="2026-08-08T09:00:01Z",
        raw=RawPosition("headrace.raw", 3, 1841),
    )
    line = click.unstyle(letter_line(letter, brief=False))
    assert line.split() == [
        "2026-08-08T09:00:01Z",
        "acme/north",
        "bad_value",
        "$.CreatedOn",
        "3@1841",
        "no",
        "such",
        "month",
    ]


def test_short_words() -> None:
    """Ids, times and counts are written as short as they stay clear."""
    assert short("lead/4f7a01e2-0000-4000-8000-00000000009c") == "lead/4f7a…09c"
    assert short("lead/81") == "lead/81"
    now = datetime(2026, 8, 8, 12, tzinfo=UTC)
    assert clock("2026-08-08T09:03:30.120Z", now) == "   09:03:30"
    assert clock("2026-08-07T09:03:30Z", now) == "08-07 09:03"
    assert [count(1, "record"), count(1204, "record"), count(0, "copy", "copies")] == [
        "1 record",
        "1,204 records",
        "0 copies",
    ]


def test_tables_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are as wide as they must be, and numbers end at one edge."""
    table(("name", "rows"), [("a", 1), ("long one", 1000)], right=("rows",))
    assert click.unstyle(capsys.readouterr().out) == "  name      rows\n  a            1\n  long one  1000\n"


def test_moments_of_redrive() -> None:
    """A time is written as such, or as how long ago; anything else is an error."""
    assert moment("2026-08-08T09:00Z") == datetime(2026, 8, 8, 9, tzinfo=UTC)
    before = datetime.now(UTC)
    assert before <= moment("2h") + timedelta(hours=2) <= datetime.now(UTC)
    with pytest.raises(click.BadParameter, match="nor how long ago"):
        moment("yesterday")


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standard output be a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def test_a_free_column_ends_where_the_terminal_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns that are free are cut one after the other; without a terminal nothing is."""
    on_a_terminal(monkeypatch)
    rows = [("acme", "n" * 90, "c" * 30, "1"), ("b", "n", "c", "2")]
    table(("source", "name", "code", "events"), rows, right=("events",), free=("name", "code"))
    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[0] == "acme"
    assert lines[1].split()[-1] == "1"
    assert "n…" in lines[1]
    assert "c" * 30 in lines[1]


def test_the_widest_column_is_cut_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And by columns of the terminal, not by letters: what is short stays whole."""
    on_a_terminal(monkeypatch)
    table(("name", "code", "n"), [("合同" * 40, "c" * 60, "1"), ("é" * 20, "c", "2")], free=("name", "code"))
    titles, first, second = (click.unstyle(line) for line in capsys.readouterr().out.splitlines())
    assert (text_width(first), first.count("…")) == (80, 2)
    assert "é" * 20 in second
    assert {text_width(line[: line.rindex(last)]) for line, last in ((titles, "n"), (first, "1"), (second, "2"))} == {
        79
    }


def test_what_does_not_fit_beside_the_others_stands_below(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last cell goes on below its beginning, or whole below the row; in a pipe a row is one line."""
    words = "word " * 30 + "end"
    rows = [("t" * 20, words), ("b", "short")]
    assert [len(block) for block in table_blocks(("name", "why"), rows)] == [1, 1, 1]
    on_a_terminal(monkeypatch)
    for name, beside in (("t" * 20, True), ("t" * 70, False)):
        _, row, other = (
            [click.unstyle(line) for line in block] for block in table_blocks(("n", "why"), [(name, words), rows[1]])
        )
        assert max(map(len, row)) <= 80
        assert " ".join(" ".join(row).split()) == f"{name} {words}"
        assert ("word" in row[0]) is beside
        assert len(other) == 1


def test_a_name_stands_once_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe in every row."""
    assert once_on_a_terminal(["a", "a", "b"]) == ["a", "a", "b"]
    on_a_terminal(monkeypatch)
    assert once_on_a_terminal(["a", "a", "b"]) == ["a", "", "b"]


@pytest.mark.parametrize("style", [None, "red"])
def test_a_note_goes_on_below_its_beginning(
    style: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No word is broken at the end of the terminal, each line has the style; without a terminal it is one line."""
    words = "the platform answered " * 8 + "404"
    text = styled(words, fg=style) if style else words
    footnote(text)
    assert click.unstyle(capsys.readouterr().out) == f"  {words}\n"
    on_a_terminal(monkeypatch)
    footnote(text)
    lines = capsys.readouterr().out.splitlines()
    plain = [click.unstyle(line) for line in lines]
    assert max(map(len, plain)) <= 80
    assert " ".join(line.strip() for line in plain) == words
    assert [line[:4] == "    " for line in plain] == [False, True, True]
    assert all((line != bare) is bool(style) for line, bare in zip(lines, plain, strict=True))


def test_columns_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many columns stand there as fit, from the left, and one at least."""
    on_a_terminal(monkeypatch)
    assert columns_that_fit(("a", "b", "c"), [("1" * 30, "2" * 30, "3" * 30)]) == 2
    assert columns_that_fit(("a", "b"), [("1" * 90, "2")]) == 1
    assert columns_that_fit(("a", "b"), [("1", "2")]) == 2


@pytest.mark.parametrize("columns", [80, 100])
def test_lines_of_tail_and_dead_letters_end_where_the_terminal_does(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a platform or a problem is called, and however much there is to say about it."""
    monkeypatch.setenv("COLUMNS", str(columns))
    letter = DeadLetter(
        problem=Problem("no_such_tenant_here", "Title", "detail " * 40, Source(pointer="$.Created.On.Somewhere")),
        source="/acme/north",
        via="poll",
        received="2026-08-08T09:00:00Z",
        recordedtime="2026-08-08T09:00:01Z",
        raw=RawPosition("headrace.raw", 3, 1841),
    )
    stage = event(category="opportunity", action="stage_changed", outcome="answered")
    for line in (letter_line(letter, brief=True), event_line(stage, brief=True)):
        assert len(click.unstyle(line)) <= columns
    assert len(click.unstyle(letter_line(letter, brief=True, indent=11))) <= columns - 11


@pytest.mark.parametrize(
    ("environ", "terminal", "colored"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_are_as_the_environment_wants_them(
    environ: dict[str, str],
    terminal: bool,  # noqa: FBT001  (pytest passes parameters so)
    colored: bool,  # noqa: FBT001  (as above)
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a terminal, unless it takes none; or where somebody forces it, for a pager."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.setenv(name, environ.get(name, ""))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    found = takes_color()
    assert (sys.stdout.isatty() if found is None else found) is colored


def test_errors_end_their_lines_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, behind what click writes before them; lines of theirs stay lines."""
    message = "the configuration cannot be used:\n  headrace.toml:3: " + "unknown key " * 9 + "\n  two"
    assert error_text(message, 7) == message
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    first, *lines, last = error_text(message, 7).split("\n")
    assert (first, last) == ("the configuration cannot be used:", "  two")
    assert lines[0].startswith("  headrace.toml:3: unknown")
    assert all(line.startswith("    ") and len(line) <= 40 for line in lines[1:])
    assert error_text("word " * 7 + "end", 7).split("\n") == ["word word word word word word", "  word end"]


def test_progress_clears_its_line_without_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What clears a line is no colour: without it, what was longer before would stay."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    context = click.Context(click.Command("any"))
    context.color = False
    with context:
        progress("1 of 2")
    assert capsys.readouterr().err == "\r1 of 2\x1b[K"


def test_the_help_fits_into_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of the first page breaks."""
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, CliRunner().invoke(main, ["--help"]).output.splitlines())) <= 80
