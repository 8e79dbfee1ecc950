"""Times as the canonical event writes them: RFC 3339, UTC, ending in Z, milliseconds where there are some."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS: Final = 24  # len("2026-08-08T09:03:30.000Z")

fromisoformat: Final = datetime.fromisoformat
"""Reads ISO 8601. Raises `ValueError`. Looked up once: finding a class method costs as much as reading a time."""
WHOLE_SECONDS: Final = "--T::Z"
"""Every third character, from the fifth on, of a time that is canonical as it is: `2026-05-04T01:00:00Z`."""


def instant(moment: datetime) -> str:
    """Return an aware datetime as text; finer digits than milliseconds are cut, zero milliseconds left out."""
    moment = _utc(moment)
    text = moment.replace(tzinfo=None, microsecond=0).isoformat()
    millis = moment.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def from_millis(millis: int) -> str:
    """Return milliseconds since the epoch as text."""
    seconds, rest = divmod(millis, 1000)
    text = _second(seconds)
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"


def parse(text: str) -> datetime:
    """Return RFC 3339 or ISO 8601 text as a datetime in UTC, the default zone. Raises `ValueError`."""
    moment = _moment(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else _utc(moment)


def canonical(text: str) -> str:
    """Return an ISO 8601 time in canonical form. Raises `ValueError`, for a date without a time of day too."""
    # A time in one of the two frequent forms needs no more than a slice: every third character identifies them.
    marks = text[4:20:3]
    if marks == WHOLE_SECONDS:
        fromisoformat(text)
        return text
    if marks == "--T::." and len(text) == _MILLIS and text[23] == "Z":
        fromisoformat(text)
        return f"{text[:19]}Z" if text[20:23] == "000" else text
    moment = _moment(text)
    return instant(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def micros(text: str) -> int:
    """Return an ISO 8601 time as microseconds since the epoch. Raises `ValueError`."""
    return to_micros(parse(text))


def to_micros(moment: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


@lru_cache(maxsize=1024)  # records that come in together share few seconds of receipt
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def _moment(text: str) -> datetime:
    """Return ISO 8601 with a time of day: a date alone is no moment, and midnight would be a guess."""
    if "T" not in text and ":" not in text:
        raise ValueError("a date without a time of day")
    return fromisoformat(text)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # year 1 or 9999 with an offset
        raise ValueError("a time outside the years 1 to 9999") from None
