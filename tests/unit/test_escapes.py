"""No text from outside steers a terminal, forges a line or hides what it says, wherever a person reads it."""

import io
import json
import logging
import re
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner
from hypothesis import given, strategies as st

import headrace.cli
from headrace.cli import _output, main
from headrace.cli._event_lines import event_line, letter_line
from headrace.cli._formatting import table
from headrace.observe.escapes import escaped, escaped_lines
from headrace.observe.logging import configure
from headrace.observe.registry import Registry
from headrace_events import DeadLetter, Problem, RawPosition, Source
from tests.unit.test_cli_formatting import event

EVIL = "ev_1\x1b]0;pwned\x07\n09:00:00 call.completed FORGED\r\x9b2J\u202e\x7f"
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_what_is_escaped_can_be_printed_and_means_the_same_in_json(text: str) -> None:
    """No control character is left, once is enough, and JSON reads what stood there before."""
    safe = escaped(text)
    assert not CONTROLS.search(safe)
    safe.encode()
    assert escaped(safe) == safe
    whole = text.encode("utf-8", "replace").decode()
    assert json.loads(escaped(json.dumps(whole, ensure_ascii=False))) == whole


@pytest.mark.parametrize("text", ["", "lead/81", "Zoë 🙂 ज्ञा‍न", "a\\nb", "ö"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Names of all languages, and joined letters, are read as they were written."""
    assert escaped(text) == text


def test_lines_stay_lines_where_they_are_ours() -> None:
    """A traceback or a list of faults keeps its lines."""
    assert escaped_lines("one\n\x1b[2Jtwo") == "one\n\\u001b[2Jtwo"


def test_events_and_dead_letters_are_one_line_each() -> None:
    """An id with an escape sequence or a newline writes nothing into the terminal, brief or whole."""
    one = event(outcome=EVIL)
    one = type(one)(**{name: getattr(one, name) for name in one.__struct_fields__} | {"id": EVIL, "subject": EVIL})
    letter = DeadLetter(
        problem=Problem("bad_value", "t", EVIL, Source(pointer=EVIL)),
        source=f"/acme/{EVIL}",
        via="poll",
        received="2026-08-08T09:00:00Z",
        recordedtime="2026-08-08T09:00:00Z",
        raw=RawPosition("headrace.raw", 1, 2),
        mapping="",
    )
    for brief in (True, False):
        for line in (event_line(one, brief=brief), letter_line(letter, brief=brief)):
            assert not CONTROLS.search(click.unstyle(line))


def test_cells_of_a_table_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """A lead, a code or a sentence of a platform stays in its cell."""
    table(("lead", "state"), [(EVIL, _output.styled(EVIL, fg="red"))])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_what_a_command_prints_is_escaped_but_for_our_styles(capsys: pytest.CaptureFixture[str]) -> None:
    """A style of ours stays, whatever is added to it."""
    line = "before\n" + _output.styled("in\x1b", bold=True) + "after\n"
    assert isinstance(line, _output.Styled)
    assert line == "before\\n\x1b[1min\\u001b\x1b[0mafter\\n"
    _output.echo(f"x{EVIL}")
    _output.echo_json(json.dumps({"id": EVIL}, ensure_ascii=False))
    text, data = capsys.readouterr().out.splitlines()
    assert not CONTROLS.search(text)
    assert json.loads(data) == {"id": EVIL}
    assert not CONTROLS.search(data)


def test_an_error_quotes_what_it_must_without_steering_the_terminal() -> None:
    """Here the name of a file; its lines stay, for a configuration has many faults."""
    ended = CliRunner().invoke(main, ["explain", "-p", f"no\x1b[2J{EVIL}", "x"])
    assert ended.exit_code == 2
    assert not CONTROLS.search(ended.output.replace("\n", ""))


def test_commands_print_through_one_module() -> None:
    """`click.echo`, `secho`, `style` and `print` stand in one module alone."""
    folder = Path(headrace.cli.__file__).parent
    found = [
        path.name
        for path in sorted(folder.glob("*.py"))
        if path.name != "_output.py" and re.search(r"click\.(echo|secho|style)\(|\bprint\(", path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_log_line_is_one_line(format: str) -> None:  # noqa: A002  (the option)
    """Whatever an event, a value or a library says."""
    root, ours = logging.getLogger(), logging.getLogger("headrace")
    before = list(root.handlers), root.level, ours.level
    stream = io.StringIO()
    try:
        configure(format, "info", stream)  # type: ignore[arg-type]  # a parameter
        structlog.get_logger().info(EVIL, reason=EVIL, inner={"deep": [EVIL]}, **{f"n{EVIL}": 1})
        logging.getLogger("aiokafka").warning("said %s", EVIL)
    finally:
        root.handlers[:], root.level, ours.level = before
        structlog.reset_defaults()
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
    assert not any(CONTROLS.search(line) for line in lines)


def test_a_code_from_outside_is_escaped_in_metrics() -> None:
    """Somebody may read them in a terminal."""
    registry = Registry("1")
    registry.capped("headrace_calls_total").add(("leadping", "acme", EVIL))
    assert len([line for line in registry.render().decode().split("\n") if "FORGED" in line]) == 1
    assert not any(CONTROLS.search(line) for line in registry.render().decode().split("\n"))
