"""How copies of a value that was redacted are found in other texts."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, strategies as st

from headrace.core.value_copies import MOST_WORK, REDACTED, ValueCopies

PHONE = "+13125550110"
MAIL = "Ines.O'Kafor@mail.example"
LINE = 'She said "call ä/b me" at nine, please & thanks'


@pytest.mark.parametrize(
    ("value", "text", "left"),
    [
        (PHONE, PHONE, None),
        (PHONE, f"called {PHONE} twice", f"called {REDACTED} twice"),
        (PHONE, "(312) 555-0110", None),
        (PHONE, "call 312.555.0110, or not", f"call {REDACTED}, or not"),
        ("(312) 555-0110", f"from={quote(PHONE)}", f"from=%2B{REDACTED}"),
        (PHONE, "99913125550110777", "99913125550110777"),
        (MAIL, MAIL.upper(), None),
        (f"Ines <{MAIL}>", f"to {MAIL.lower()}", f"to {REDACTED}"),
        (LINE, LINE[:20] + "…", None),
        (LINE, f"<p>She said</p> <b>call ä/b me at</b> nine please {REDACTED}", None),
        (LINE, "She said nothing at nine", "She said nothing at nine"),
        ("42", "42", "42"),
        ("true", "true", "true"),
        ("yes?", "yes?", None),
        ("yes?", "oh yes? no", "oh yes? no"),
        ("123456", "id 123456, not 91234567", f"id {REDACTED}, not 91234567"),
    ],
)
def test_a_copy_goes_and_what_only_looks_like_one_stays(value: str, text: str, left: str | None) -> None:
    """The whole of it, the part of a longer text, other spellings of numbers, a beginning, and a row of words."""
    assert without({value: None}, text) == left


def without(values: dict[str, str | None], text: str) -> str | None:
    return ValueCopies(values, ["another text", text]).without(text)


def spellings(value: str) -> list[str]:
    """Return a value as other formats write it, among other text."""
    inner = json.dumps({"a": value})
    plain = [value, inner, json.dumps({"b": inner}), json.dumps(value, ensure_ascii=False), quote(value, safe="")]
    plain += [quote_plus(value), html.escape(value)]
    for before in ("", "x", "xy"):
        data = f"{before}{value}!".encode()
        plain += [base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()]
    return plain


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=6, max_size=40))
def test_no_spelling_of_a_value_is_left(value: str) -> None:
    """As JSON, JSON in JSON, in a URL, in HTML and in base64 at any place, among other words."""
    for spelling in spellings(value):
        left = without({value: None}, f"<{spelling}>") or ""
        assert spelling not in left


def test_the_hash_stands_for_the_copy() -> None:
    """So consumers can still join by it; of a value that is dropped somewhere nothing stays."""
    values = {PHONE: "hmac:1", "Front desk": None}
    assert without(values, "312-555-0110 at the front desk") == f"hmac:1 at the {REDACTED}"
    assert without(values, "FRONT DESK ") is None


def test_text_without_copies_is_the_same_object() -> None:
    """It costs nothing more than the look."""
    text = "nothing of it is in here"
    assert without({PHONE: None}, text) is text


def test_of_too_many_values_none_is_left_to_chance() -> None:
    """Where looking for all of them would take too long, every text is taken for a copy."""
    values: dict[str, str | None] = {f"value number {n}": None for n in range(1_000)}
    assert without(values, "anything") == "anything"
    assert without(values, "x" * (MOST_WORK // 1_000)) is None
