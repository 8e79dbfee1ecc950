import pytest

from headrace.core.problems import Undecodable
from headrace.providers.leadsquared import times


@pytest.mark.parametrize(
    ("native", "canonical"),
    [
        ("2026-07-31 05:33:50", "2026-07-31T05:33:50Z"),
        ("2026-08-08 07:38:00.000", "2026-08-08T07:38:00Z"),
        ("2026-08-08 07:38:00.250", "2026-08-08T07:38:00.250Z"),
        ("7/31/2026 5:33:50 AM", "2026-07-31T05:33:50Z"),
        ("07/03/2026 05:33:50 PM", "2026-07-03T17:33:50Z"),
        ("12/1/2026 12:00:00 AM", "2026-12-01T00:00:00Z"),
        ("12/1/2026 12:59:59 PM", "2026-12-01T12:59:59Z"),
        ("2026-07-31T05:33:50Z", "2026-07-31T05:33:50Z"),
        ("2026-07-31T05:33:50+05:30", "2026-07-31T00:03:50Z"),
    ],
)
def test_every_form_is_read_as_utc(native: str, canonical: str) -> None:
    """Three forms without a zone, and ISO 8601 in case it ever has one, give one canonical form."""
    assert times.canonical_or_none(native, "$") == canonical
    assert times.micros(native, "$") == times.micros(canonical, "$")
    assert times.one_form(native) == canonical


@pytest.mark.parametrize("native", [None, "", "0001-01-01 00:00:00", "1/1/0001 12:00:00 AM"])
def test_a_date_that_was_never_set_is_not_said(native: str | None) -> None:
    """Empty dates, and the first moment of the calendar, say nothing."""
    assert times.canonical_or_none(native, "$") is None
    assert times.micros(native, "$") is None


@pytest.mark.parametrize(
    "native",
    [
        "soon",
        "2026-02-30 00:00:00",
        "2026-07-31",
        "31/7/2026 5:33:50 AM",
        "7/31/2026 13:33:50 AM",
        "7/31/2026 5:33 AM",
        "7/31/2026 5:33:50",
        "7/31/26 5:33:50 AM",
        "9999-99-99 99:99:99",
        "۲۰۲۶-07-31 05:33:50",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_time_is_a_problem_with_its_place(native: str) -> None:
    """A date that cannot be read is never guessed."""
    for read in (times.canonical_or_none, times.micros):
        with pytest.raises(Undecodable) as error:
            read(native, "$.CreatedOn")
        assert error.value.problem.source is not None
        assert error.value.problem.source.pointer == "$.CreatedOn"
    assert times.one_form(native) == native
