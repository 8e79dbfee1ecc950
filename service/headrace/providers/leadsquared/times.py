"""The three forms in which LeadSquared writes a time, all UTC and none with a zone (README.md says where each occurs).

`2026-07-31 05:33:50` · `2026-08-08 07:38:00.000` · `7/31/2026 5:33:50 AM` (month first)
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from headrace.core import values
from headrace.core.mapping import fold
from headrace.core.problems import bad_value
from headrace.core.timestamps import instant

_PLAIN: Final = 19  # len("2026-07-31 05:33:50"); the shortest American form has as many
_TOO_LONG: Final = 23  # len("12/31/2026 12:33:50 AM") and one more: what is cached has a bound
_MARKS: Final = "-- ::"  # every third character of that form from the first dash on
_HOURS: Final = {
    (form.format(hour), half): f"{hour % 12 + late:02}"
    for half, late in (("AM", 0), ("PM", 12))
    for hour in range(1, 13)
    for form in ("{}", "{:02}")
}
"""The hours of a twelve-hour clock, with and without a leading zero: `("5", "PM")` is `17`."""
_TWO: Final = {form.format(number): f"{number:02}" for number in range(1, 32) for form in ("{}", "{:02}")}
"""Months and days in two digits, by their forms with and without a leading zero."""
_UNREAD: Final = (
    "not a time that is read: 2026-07-31 05:33:50, with or without milliseconds, 7/31/2026 5:33:50 AM (month first), "
    "or ISO 8601, always with a time of day"
)
_NEVER: Final = "0001-01-01"
"""How .NET begins a date that was never set."""

_read_iso: Final = datetime.fromisoformat
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  (all is UTC here; without zones it is twice as fast)
_LONGEST_WORD: Final = 64  # characters of a status word that is cached


def canonical(text: str) -> str:
    """Return a time of any form as the canonical event has it. Raises `ValueError`."""
    if text[4::3] == _MARKS and len(text) == _PLAIN:
        _read_iso(text)  # by far the most frequent form: where it is a time, two more letters will do
        return text.replace(" ", "T") + "Z"
    if "/" in text:
        return _american(text[:_TOO_LONG]) + "Z"
    moment = _moment(text)
    if moment.tzinfo is None and not moment.microsecond:
        return f"{moment.isoformat()}Z"
    return instant(moment.replace(tzinfo=moment.tzinfo or UTC))


def parse(text: str) -> datetime:
    """Return a time of any form as UTC without a zone, as LeadSquared means it. Raises `ValueError`."""
    moment = _moment(text) if "/" not in text else datetime.fromisoformat(_american(text[:_TOO_LONG]))
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def canonical_or_none(text: str | None, pointer: str) -> str | None:
    """Return the canonical form of a time, None where there is none. Raises `Undecodable` at `pointer`."""
    if not text:
        return None
    try:
        written = canonical(text)
    except (ValueError, OverflowError):
        raise bad_value(pointer, _UNREAD) from None
    return None if written[:10] == _NEVER else written


def micros(text: str | None, pointer: str) -> int | None:
    """Return microseconds since the epoch, None where there is no time. Raises `Undecodable` at `pointer`."""
    if not text:
        return None
    try:
        moment = parse(text)
    except (ValueError, OverflowError):
        raise bad_value(pointer, _UNREAD) from None
    if moment.year == 1:
        return None
    since = moment - _EPOCH  # to divide it by a microsecond would take longer
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def one_form(value: Any) -> str:
    """Return a value so that its forms in two shapes compare equal: times in three forms, numbers as strings."""
    if type(value) is str:
        return values.form_of_text(value, canonical) or ""
    return "" if value is None else values.one_text(value, canonical)


def one_word(value: Any) -> str:
    """Return a status word so that its spellings compare equal: those that find one row of the table."""
    if value is None:
        return ""
    if type(value) is str and len(value) <= _LONGEST_WORD:
        return _one_word(value)
    return fold(one_form(value))


@lru_cache(maxsize=1024)  # an account has few of them
def _one_word(value: str) -> str:
    return fold(one_form(value))


def _moment(text: str) -> datetime:
    """Return ISO 8601 with date and time of day; Python's reader would take a bare date or a year too."""
    if len(text) < _PLAIN or text[4] != "-":
        raise ValueError(_UNREAD)
    return datetime.fromisoformat(text)


@lru_cache(maxsize=4096)  # a record says a time more than once, and records come in soon after it
def _american(text: str) -> str:
    """Return the form with the month first as ISO 8601 without a zone. Raises `ValueError`."""
    date, clock, half = text.split(" ")
    month, day, year = date.split("/")
    hour, _, rest = clock.partition(":")
    iso = f"{year}-{_TWO.get(month)}-{_TWO.get(day)}T{_HOURS.get((hour, half))}:{rest}"
    if len(iso) != _PLAIN:
        raise ValueError(_UNREAD)
    _read_iso(iso)  # knows that there is no 31st of June, and takes digits only
    return iso
