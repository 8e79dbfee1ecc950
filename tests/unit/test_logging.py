import asyncio
import io
import json
import logging
import math
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from headrace.observe.logging import configure
from headrace.observe.redact import HIDDEN, redact, scrub

TOP = Path(__file__).parents[2]
SECRET = "hunter2-0123456789"  # noqa: S105  (invented)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _left_as_it_was() -> Iterator[None]:
    """Undo what `configure` did, for the tests that follow."""
    root, ours = logging.getLogger(), logging.getLogger("headrace")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:], root.level, ours.level = before
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]  # levels are cached by logger
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_outside_a_terminal_each_event_is_one_line_of_json() -> None:
    """Time, level and event stand first, the values behind them."""
    stream = io.StringIO()
    configure("auto", "info", stream)
    structlog.get_logger().info("task_restored", partition=3, ids=10)
    (line,) = lines(stream)
    assert list(line) == ["time", "level", "event", "ids", "partition"]
    assert line["event"] == "task_restored"
    assert line["level"] == "info"
    assert line["time"].endswith("Z")


def test_what_the_runbook_greps_for_is_written_so() -> None:
    """A pattern of it finds a line, blanks included."""
    patterns = re.findall(r"grep (?:-v )?'([^']+)'", (TOP / "deploy/RUNBOOK.md").read_text("utf-8"))
    stream = io.StringIO()
    configure("auto", "info", stream)
    structlog.get_logger().info("task_restored")
    assert patterns
    assert [pattern for pattern in patterns if pattern not in stream.getvalue()] == []


def test_on_a_terminal_events_are_readable_columns() -> None:
    """Nobody reads JSON on a terminal."""
    stream = Terminal()
    configure("auto", "info", stream)
    structlog.get_logger().info("task_restored", partition=3)
    assert "task_restored" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(
    ("format", "stream", "json_wanted"), [("json", Terminal(), True), ("console", io.StringIO(), False)]
)
def test_the_format_can_be_chosen(format: Any, stream: io.StringIO, json_wanted: bool) -> None:  # noqa: A002, FBT001  (the option; a parameter)
    """The chosen format wins over what the stream is."""
    configure(format, "info", stream)
    structlog.get_logger().info("started")
    assert stream.getvalue().startswith("{") == json_wanted
    assert json_wanted or "\x1b" not in stream.getvalue()


def test_our_level_is_the_one_that_is_asked_for() -> None:
    """Below it nothing is written."""
    stream = io.StringIO()
    configure("json", "warning", stream)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]
    configure("json", "debug", stream)
    structlog.get_logger().debug("soft")
    assert lines(stream)[-1]["event"] == "soft"


@pytest.mark.parametrize("level", ["debug", "info", "error"])
def test_libraries_are_heard_from_warning_on_in_the_same_form(level: str) -> None:
    """Whatever our own level is, theirs is warning, and their lines name the logger."""
    stream = io.StringIO()
    configure("json", level, stream)
    logging.getLogger("aiokafka.conn").info("chatter")
    logging.getLogger("aiokafka.conn").warning("Unable to connect to %s", "broker:9092")
    (line,) = lines(stream)
    assert (line["event"], line["level"]) == ("Unable to connect to broker:9092", "warning")
    assert line["logger"] == "aiokafka.conn"


def test_a_second_call_replaces_the_first() -> None:
    """Nothing is written twice, nor to the stream of before; other handlers stay."""
    first, second, other = io.StringIO(), io.StringIO(), logging.NullHandler()
    logging.getLogger().addHandler(other)
    configure("json", "info", first)
    configure("json", "info", second)
    structlog.get_logger().info("started")
    assert not first.getvalue()
    assert len(lines(second)) == 1
    assert other in logging.getLogger().handlers


def test_without_a_stream_the_log_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to what a command prints."""
    configure("json", "info")
    structlog.get_logger().info("started")
    captured = capsys.readouterr()
    assert not captured.out
    assert json.loads(captured.err)["event"] == "started"


def test_a_logger_made_before_the_call_follows_it() -> None:
    """Modules take their logger when they are imported."""
    logger = structlog.get_logger()
    stream = io.StringIO()
    configure("json", "info", stream)
    logger.info("started")
    assert lines(stream)[0]["event"] == "started"


def test_values_bound_to_the_context_are_in_every_line() -> None:
    """Values that a task binds are in every event it logs."""
    stream = io.StringIO()
    configure("json", "info", stream)
    structlog.contextvars.bind_contextvars(partition=4)
    structlog.get_logger().info("task_restored")
    assert lines(stream)[0]["partition"] == 4


def test_any_value_can_be_logged() -> None:
    """A value that JSON does not know never costs the line."""
    stream = io.StringIO()
    configure("json", "info", stream)
    cycle: list[object] = []
    cycle.append(cycle)
    structlog.get_logger().info(
        "odd", a=object(), b=b"\xff" * 7, c={(1, 2): {3}}, d=math.nan, e=cycle, f="\ud800", g=ValueError("no")
    )
    (line,) = lines(stream)
    assert line["b"] == "7 bytes"
    assert line["c"] == {"(1, 2)": [3]}
    assert line["d"] == "nan"
    assert line["g"] == "no"


@pytest.mark.parametrize("format", ["json", "console"])
def test_an_exception_is_reported_with_its_traceback_and_without_local_values(format: Any) -> None:  # noqa: A002  (the option)
    """A traceback names lines of code; what variables held stays out."""
    stream = io.StringIO()
    configure(format, "info", stream)
    held = f"local-{SECRET}"

    def connect() -> None:
        raise RuntimeError(f"password={SECRET} refused")

    try:
        connect()
    except RuntimeError:
        structlog.get_logger().exception("failed", size=len(held))
        logging.getLogger("aiohttp.server").exception("Error handling request")
    output = stream.getvalue()
    assert output.count("RuntimeError") >= 2
    assert "test_logging.py" in output
    assert SECRET not in output


@pytest.mark.parametrize(
    "name",
    ["token", "webhook_secrets", "sasl_password", "Authorization", "X-Signature", "accessKey", "api_key", "Cookie"],
)
@pytest.mark.parametrize("format", ["json", "console"])
def test_promise_7_no_value_under_the_name_of_a_secret_is_logged(name: str, format: Any) -> None:  # noqa: A002  (the option)
    """By its name alone a value stays out: at the top, inside, among headers, as text, number or bytes."""
    stream = io.StringIO()
    configure(format, "debug", stream)
    values = {"inner": [{name: SECRET}], "headers": [(name, SECRET)], name: {"deep": SECRET}}
    structlog.get_logger().info("checked", **values)
    structlog.get_logger().info("checked", **{name: 47_114_711})
    logging.getLogger("aiohttp").warning("sent %s", {name: SECRET})
    logging.getLogger("aiohttp").warning("sent %s", ((name, SECRET),))
    output = stream.getvalue()
    assert SECRET not in output
    assert "47114711" not in output
    assert output.count(HIDDEN) >= 5


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.test/v2/x?accessKey={SECRET}&secretKey={SECRET}&id=5",
        f"url='https://api.test/x?id=5&token={SECRET}'",
        f"Authorization: Bearer {SECRET} for id=5",
        f"Basic {SECRET}== id=5",
        f"https://user:{SECRET}@broker.test:9092/id=5",
        f"the key whsec_{SECRET} of id=5",
        f'{{"refresh_token": "{SECRET}", "n": "id=5"}}',
        f"SASL(sasl_plain_password='{SECRET}', id=5)",
    ],
)
def test_promise_7_a_secret_within_a_text_is_hidden_and_the_rest_stays(text: str) -> None:
    """What a library says of a URL or a header loses the secret alone."""
    assert SECRET not in scrub(text)
    assert "id=5" in scrub(text)


@pytest.mark.parametrize(
    "value", [3, 2.5, True, None, "task-3", "lead/17", "headrace.raw-3 ends at 5", "webhook_secrets: a secret is empty"]
)
def test_what_is_no_secret_stays_as_it_is(value: object) -> None:
    """Redaction does not get in the way of reading a log."""
    assert redact("reason", value) == value


def test_whether_there_is_a_secret_may_be_said() -> None:
    """Yes, no and nothing are no secrets."""
    assert redact("has_token", True) is True  # noqa: FBT003  (the value)
    assert redact("token", None) is None


@pytest.mark.parametrize("text", ["a", "token", "://", "Bearer ", "token'", "secret ", "whsec_", "(token,"])
def test_a_long_text_is_read_in_one_pass(text: str) -> None:
    """No text from outside makes redaction take more than its length: this would run for minutes."""
    scrub(text * (400_000 // len(text)))


async def test_a_stream_that_breaks_does_not_break_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """A closed log is reported on stderr and work goes on."""
    stream = io.StringIO()
    configure("json", "info", stream)
    stream.close()
    structlog.get_logger().info("started")
    await asyncio.sleep(0)
    assert "closed file" in capsys.readouterr().err


def test_times_are_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever zone the machine is in."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    stream = io.StringIO()
    configure("json", "info", stream)
    structlog.get_logger().info("started")
    monkeypatch.undo()
    time.tzset()
    logged = datetime.fromisoformat(lines(stream)[0]["time"])
    assert logged.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - logged) < timedelta(hours=1)
