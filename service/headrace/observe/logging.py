"""Logging for the service and its libraries: JSON for machines, readable columns on a terminal.

Events are short past-tense facts (`task_restored`) with their values beside them. The libraries' own logs join at
warning level, through the same renderer and the same redaction.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from headrace.observe.escapes import escaped, escaped_lines
from headrace.observe.redact import redact
from headrace.observe.repeats import RepeatLimiter

Format = Literal["auto", "json", "console"]

_OURS: Final = "headrace"
_ABOUT: Final = ("role", "source", "topic", "partition", "feed", "code", "faults")
"""Values by which two lines of one event are about different things."""
_FIXED: Final = ("time", "level", "event", "logger")
_OF_LINES: Final = ("exception", "stack")
"""Values that are tracebacks."""


class _Lines(logging.Handler):
    """Write to a stream, by default to the current stderr."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = self.format(record)
            stream = self._stream or sys.stderr
            stream.write(f"{line}\n")
            stream.flush()
        except Exception:  # noqa: BLE001  (a failure to log must not end the work)
            self.handleError(record)


class _Repeats(logging.Filter):
    """Leave out warnings and errors that say again what was said, and add to the next one how many they were.

    Of ours, the event is the kind, and what it is about (source, topic, partition…) tells lines apart. A library is
    one kind for each level, and its lines are told apart by their text before values are put in. What ends a process
    comes once: it is never left out.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._limiter = RepeatLimiter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written."""
        if record.levelno < logging.WARNING:
            return True
        left_out = self._limiter.admit(*_kind_and_line(record), self._clock())
        if left_out:
            record.left_out = left_out
        return left_out is not None


def _kind_and_line(record: logging.LogRecord) -> tuple[Hashable, Hashable]:
    if isinstance(record.msg, dict):
        about = tuple(str(record.msg.get(name)) for name in _ABOUT)
        return record.msg.get("event"), about
    return (record.name.partition(".")[0], record.levelno), str(record.msg)


def configure(
    format: Format,  # noqa: A002  (the option's name)
    level: str,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Set up all logging of this process; a second call replaces the first.

    `auto` is `console` on a terminal and `json` elsewhere. `level` (debug, info, warning, error) applies to
    Headrace; libraries log from warning on. `clock` returns monotonic seconds: repeated warnings are limited by it.
    """
    terminal = (stream or sys.stderr).isatty()
    console = format == "console" or (format == "auto" and terminal)
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_shared(), _wrap],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: logging.getLogger(_OURS),
        cache_logger_on_first_use=False,
    )
    handler = _Lines(stream)
    handler.addFilter(_Repeats(clock))
    handler.setFormatter(_formatter(_columns(colors=terminal) if console else _json))
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, _Lines)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(number)


_wrap: Final = structlog.stdlib.ProcessorFormatter.wrap_for_formatter


def _shared() -> Iterable[Processor]:
    return (structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"))


def _formatter(render: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=(*_shared(), structlog.stdlib.add_logger_name),
        processors=[
            _add_left_out,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _redacted,
            render,
        ],
    )


def _add_left_out(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add how many lines of this kind were left out before it."""
    left_out = getattr(event["_record"], "left_out", 0)
    return {**event, "left_out": left_out} if left_out else event


def _redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Redact every value, also what a library logs of a URL or a header."""
    return {name: redact(name, event[name]) for name in sorted(event, key=_order)}


def _order(name: str) -> tuple[int, str]:
    return (_FIXED.index(name), "") if name in _FIXED else (len(_FIXED), name)


def _json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return json.dumps(event)


def _columns(*, colors: bool) -> Processor:
    render = structlog.dev.ConsoleRenderer(
        colors=colors, timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )

    def columns(logger: WrappedLogger, method: str, event: EventDict) -> str:
        """Render texts with their control characters escaped; other values are written as Python writes them."""
        return render(logger, method, {escaped(name): _escaped(name, value) for name, value in event.items()})

    return columns


def _escaped(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return escaped_lines(value) if name in _OF_LINES else escaped(value)
