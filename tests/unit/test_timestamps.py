from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from headrace.core.timestamps import canonical, from_millis, instant, micros, parse, to_micros


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-08T09:03:30Z", "2026-08-08T09:03:30Z"),
        ("2026-08-08T09:03:30.120Z", "2026-08-08T09:03:30.120Z"),
        ("2026-08-08T09:03:30.000Z", "2026-08-08T09:03:30Z"),
        ("2026-08-08T09:03:30.1Z", "2026-08-08T09:03:30.100Z"),
        ("2026-08-08T09:03:30.1209999Z", "2026-08-08T09:03:30.120Z"),
        ("2026-08-08T09:03:30+02:00", "2026-08-08T07:03:30Z"),
        ("2026-08-08T09:03:30.5-05:30", "2026-08-08T14:33:30.500Z"),
        ("2026-08-08T09:03:30", "2026-08-08T09:03:30Z"),
        ("2026-08-08 09:03:30", "2026-08-08T09:03:30Z"),
        ("2026-W32-6T09:03:30Z", "2026-08-08T09:03:30Z"),
        ("20260808T090330.000000Z", "2026-08-08T09:03:30Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_times_are_written_in_one_form(text: str, expected: str) -> None:
    """UTC, ending in Z, milliseconds where there are some; without a zone a time is taken as UTC."""
    assert canonical(text) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-08-08T25:00:00Z",
        "2026-08-08T09:03:61Z",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "1754643810",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Times that do not exist, or lie outside the years 1 to 9999 in UTC, are values that make no sense."""
    for read in (canonical, parse, micros):
        with pytest.raises(ValueError, match=r"."):
            read(text)


@pytest.mark.parametrize(
    ("millis", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_800_000_000_120, "2027-01-15T08:00:00.120Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_milliseconds_since_the_epoch(millis: int, text: str) -> None:
    """A count of milliseconds is written as a time, exactly."""
    assert from_millis(millis) == text
    assert micros(text) == millis * 1000


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES)  # noqa: DTZ001  (bounds are naive)


@given(MOMENTS)
def test_a_moment_survives_being_written(moment: datetime) -> None:
    """Any zone, any fraction: the text says the moment to the millisecond, and in canonical form."""
    text = instant(moment)
    assert canonical(text) == canonical(moment.isoformat()) == text
    assert timedelta(0) <= moment - parse(text) < timedelta(milliseconds=1)


@given(MOMENTS)
def test_microseconds_are_exact(moment: datetime) -> None:
    """A version made from a time loses nothing of it, as floating point would."""
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=to_micros(moment)) == moment
    assert micros(moment.isoformat()) == to_micros(moment)


@given(st.text(max_size=30) | st.text("0123456789-:.TZ+W ", max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Nothing but `ValueError` comes of a text that is no time."""
    try:
        found = canonical(text)
    except ValueError:
        return
    assert canonical(found) == found


@pytest.mark.parametrize("text", ["2026-08-08", "20260808", "2026-W32-6", "2026"])
def test_a_date_without_a_time_of_day_is_no_time(text: str) -> None:
    """Midnight would be a guess."""
    for read in (canonical, parse, micros):
        with pytest.raises(ValueError, match="time of day"):
            read(text)
