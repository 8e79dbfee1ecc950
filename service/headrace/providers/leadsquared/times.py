"""The three forms in which LeadSquared writes a time, all UTC and none with a zone (README.md says where each occurs).

`2026-07-31 05:33:50` · `2026-08-08 07:38:00.000` · `7/31/2026 5:33:50 AM` (month first)
"""

import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from headrace.moments import instant, to_micros
from headrace.problems import bad_value

_PLAIN: Final = 19  # len("2026-07-31 05:33:50"); the shortest of the others has as many
_sorted: Final = msgspec.json.Encoder(order="sorted").encode
_AMERICAN: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2}):(\d{2}) ([AP])M", re.ASCII)
_NOT_SAID: Final = ("0001-01-01", "1/1/0001")
"""How .NET writes a date that was never set."""


def parse(text: str) -> datetime:
    """Read any of the forms, or ISO 8601 with a zone. Raises `ValueError`."""
    if len(text) >= _PLAIN and text[4] == "-" and text[13] == ":":
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    told = _AMERICAN.fullmatch(text)
    if told is None:
        raise ValueError("not a time that LeadSquared is known to write")
    month, day, year, hour, minute, second = map(int, told.groups()[:6])
    if not 1 <= hour <= 12:  # noqa: PLR2004  (a clock of twelve hours)
        raise ValueError("not an hour of a twelve-hour clock")
    return datetime(year, month, day, hour % 12 + (12 if told[7] == "P" else 0), minute, second, tzinfo=UTC)


def canonical(text: str) -> str:
    """Rewrite a time of any form as the canonical event has it. Raises `ValueError`."""
    if len(text) == _PLAIN and text[10] == " " and text[4] == text[7] == "-" and text[13] == text[16] == ":":
        datetime.fromisoformat(text)  # the frequent form: once it is known to be a time, a slice will do
        return f"{text[:10]}T{text[11:]}Z"
    return instant(parse(text))


def said(text: str | None, pointer: str) -> str | None:
    """Give the canonical form of a time, None where it is not said. Raises `Undecodable` at `pointer`."""
    if not text or text.startswith(_NOT_SAID):
        return None
    try:
        return canonical(text)
    except (ValueError, OverflowError) as error:
        raise bad_value(pointer, f"cannot read a time: {error}") from None


def micros(text: str | None, pointer: str) -> int | None:
    """Give microseconds since the epoch, None where the time is not said. Raises `Undecodable` at `pointer`."""
    if not text or text.startswith(_NOT_SAID):
        return None
    try:
        return to_micros(parse(text))
    except (ValueError, OverflowError) as error:
        raise bad_value(pointer, f"cannot read a time: {error}") from None


def one_form(value: Any) -> str:
    """Write a value so that two shapes' ways of telling it compare equal: times in three forms, numbers as strings."""
    if not isinstance(value, str):
        return _sorted(value).decode()
    if len(value) >= _PLAIN and value[0].isdigit() and ":" in value:
        try:
            return canonical(value)
        except (ValueError, OverflowError):
            return value
    return value
