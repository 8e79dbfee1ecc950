from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from headrace.core import values

NOTHING: tuple[Any, ...] = (None, "", " ", True, False, {}, {"a": 1}, [], [1], float("nan"), float("inf"), "nan", "Inf")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("1500.50", "1500.50"),
        (" 1500 ", "1500"),
        (1500, "1500"),
        (1500.0, "1500"),
        (0.0075, "0.0075"),
        (1e-05, "0.00001"),
        (1e20, "100000000000000000000"),
        ("-2.50", "-2.50"),
        (-0.0, "0"),
        ("-0.00", "0.00"),
        ("+5", "5"),
        (".5", "0.5"),
        ("007.5", "7.5"),
    ],
)
def test_a_decimal_is_written_without_exponent(value: Any, written: str) -> None:
    """Numbers and strings become decimals; zeros that somebody wrote are kept."""
    assert values.decimal(value) == written


@pytest.mark.parametrize(
    "value",
    [*NOTHING, "1,50,000.00", "Rs. 1500", "1_500", "٣", "1e3", "1e99", 1e300, "0x10", "1.2.3", "-", "9" * 65],
)
def test_what_is_no_decimal_has_none(value: Any) -> None:
    """Flags, separators, currencies, other digits and endless numbers are no sum of money."""
    assert values.decimal(value) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("95", 95), (95, 95), (95.0, 95), ("95.0", 95), ("181.6", 181.6), (181.60, 181.6), ("0", 0)],
)
def test_a_duration_is_a_number_of_seconds(value: Any, seconds: float) -> None:
    """Whole where it is whole, whatever its spelling."""
    found = values.duration(value)
    assert (found, type(found)) == (seconds, type(seconds))


@pytest.mark.parametrize("value", [*NOTHING, "1:13", "-5", -5, -0.5, "1e3", "9999999999", 1e10, "64 s"])
def test_what_is_no_duration_has_none(value: Any) -> None:
    """Clock times, negative and endless numbers are no length."""
    assert values.duration(value) is None


@pytest.mark.parametrize(("value", "code"), [("EUR", "EUR"), ("inr", "INR"), (" usd ", "USD")])
def test_a_currency_is_a_code(value: str, code: str) -> None:
    """ISO 4217, in capitals."""
    assert values.currency(value) == code


@pytest.mark.parametrize("value", [*NOTHING, "rupees", "Rs.", "₹", "ABC", "EURO", "€", 978])
def test_what_is_no_currency_has_none(value: Any) -> None:
    """Names, signs and codes that nobody gave out are no currency."""
    assert values.currency(value) is None


@pytest.mark.parametrize(
    "value",
    [
        *NOTHING,
        "2026-05-04",
        "20260504",
        "06:07:08",
        "soon: tomorrow at ten",
        "2026-13-04T00:00:00Z",
        1777852800,
        "0001-01-01T00:00:00Z",
    ],
)
def test_what_is_no_time_has_none(value: Any) -> None:
    """A date without a time of day, a number, and the date that was never set are no time."""
    assert values.time(value) is None


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001  (the zone comes after)
def test_a_time_is_one_in_every_zone(moment: datetime, minutes: int) -> None:
    """The zone, the separator and zeros behind the second do not count."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=timezone.utc)  # noqa: UP017  (beside `timezone` below)
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))
    forms = {values.time(each.isoformat(sep)) for each in (moment, there) for sep in "T "}
    assert len(forms) == 1
    assert str(forms.pop()).endswith("Z")


@pytest.mark.parametrize("value", ["https://a.example/x?y=1", "HTTP://a.example", " https://a.example:8443/ä "])
def test_a_link_is_a_url(value: str) -> None:
    """A scheme that a browser opens, a host, and no spaces."""
    assert values.url(value) == value.strip()


@pytest.mark.parametrize(
    "value", [*NOTHING, "a.example/x", "//a.example", "javascript:alert(1)", "https://", "https:///x", "https://a b", 7]
)
def test_what_is_no_link_has_none(value: Any) -> None:
    """File names, other schemes and texts are no link."""
    assert values.url(value) is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("+1 (202) 555-0143", "+12025550143"),
        ("+12025550143", "+12025550143"),
        ("(202) 555-0143", "(202) 555-0143"),
        (12025550143, "12025550143"),
        ("noor@example.org", "noor@example.org"),
        ("+1 ext", "+1 ext"),
        (" 202 ", "202"),
    ],
)
def test_an_address_is_e164_or_as_told(value: Any, written: str) -> None:
    """A number with its country has one form; whatever else is left as it is."""
    assert values.address(value) == written


@pytest.mark.parametrize(("value", "written"), [(7, "7"), (7.0, "7"), (" 7 ", "7"), ("A-1", "A-1")])
def test_an_id_is_text(value: Any, written: str) -> None:
    """Numbers become text."""
    assert values.ident(value) == written


@pytest.mark.parametrize("value", [*NOTHING, "a\nb", "x" * 201, -7, 1.5])
def test_what_is_no_id_has_none(value: Any) -> None:
    """Flags, structures, fractions and what cannot be printed are no id; `nan` is a word like others."""
    assert values.ident(value) is None or value in ("nan", "Inf")


@pytest.mark.parametrize(("value", "written"), [(True, "true"), (12.0, "12"), (1e20, "1" + 20 * "0"), ("1.0", "1.0")])
def test_a_text_is_never_in_the_notation_of_python(value: Any, written: str) -> None:
    """Flags and numbers are written as JSON would."""
    assert values.text(value) == written


numbers = st.decimals(-(10**12), 10**12, places=4, allow_nan=False)


@given(numbers, st.integers(0, 5))
def test_a_number_has_one_form(number: Decimal, zeros: int) -> None:
    """As a number or string, with zeros behind it."""
    plain = format(number, "f")
    spellings: list[Any] = [plain, plain + "0" * zeros, f" {plain} "]
    if number == number.to_integral_value():
        spellings += [int(number), float(number), str(int(number)), f"{int(number)}.0"]
    assert len({values.one_form(each) for each in spellings}) == 1
    assert len({values.duration(each) for each in spellings}) == 1
    assert len({values.one_form(values.decimal(each)) for each in spellings}) == 1


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), plain_json, max_size=5), st.sampled_from([None, "", " ", {}, []]))
def test_order_and_what_says_nothing_do_not_count(fields: dict[str, Any], nothing: Any) -> None:
    """Keys in another order, and keys with nothing, leave the one form as it was; the form is its own form."""
    turned = dict(reversed(fields.items())) | {"never one of these": nothing}
    assert values.one_text(turned) == values.one_text(fields)
    form = values.one_form(fields)
    assert values.one_text(form) == values.one_text(fields)


@pytest.mark.parametrize(
    ("one", "other"),
    [("007", 7), ("+12025550143", 12025550143), ("1e5", 100000), ("a", "A"), (0, None), (False, None), (1, True)],
)
def test_what_differs_keeps_apart(one: Any, other: Any) -> None:
    """A postal code, a phone number, a word in capitals, zero and no are not something else."""
    assert values.one_form(one) != values.one_form(other)
