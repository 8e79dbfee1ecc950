"""How copies of a value that was redacted are found in other texts."""

import base64
import html
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, strategies as st

from headrace.core.number_copies import Span, amounts_in, phones_in
from headrace.core.value_copies import MOST_WORK, REDACTED, ValueCopies, work_of

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
        (PHONE, "2026-01-05 13125550110", f"2026-01-05 {REDACTED}"),
        (PHONE, "13125550110 2026-01-05", f"{REDACTED} 2026-01-05"),
        (PHONE, "5 pm +1 (312) 555-0110", f"5 pm {REDACTED}"),
        (PHONE, "1-312-555-0110", None),
        (PHONE, "call 312\u2011555\u20130110 now", f"call {REDACTED} now"),
        ("555-0110", "call 555 0110 now", f"call {REDACTED} now"),
        ("48500.00", "worth 48500 or 48,500.0, not 485000", f"worth {REDACTED} or {REDACTED}, not 485000"),
        ("48500", "48500.00", None),
    ],
)
def test_a_copy_goes_and_what_only_looks_like_one_stays(value: str, text: str, left: str | None) -> None:
    """The whole of it, the part of a longer text, other spellings of numbers, a beginning, and a row of words."""
    assert without({value: None}, text) == left


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Pat O'Brien", "for Pat O&#39;Brien"),
        ("Pat O'Brien", "for Pat O&apos;Brien"),
        ("Pat O'Brien", "for Pat O\u2019Brien"),
        ("Pat O'Brien", r'{"n": "Pat O\u0027Brien"}'),
        ("Pat O'Brien", r'"{\"n\": \"Pat O\\u0027Brien\"}"'),
        ("Pat O'Brien", "n=Pat%20O'Brien"),
        ("Pat O'Brien", "n=Pat+O%27Brien"),
        ("Pat O'Brien", "for Pat  O'Brien"),
        ("Pat O'Brien", "for Pat\u00a0O'Brien"),
        ("Pat O'Brien", "for Pat\nO'Brien"),
        ("Pat O'Brien", r"for Pat\nO'Brien"),
        ("ines@mail.example", r"to ines\u0040mail.example"),
        ("ines@mail.example", "to ines&#64;mail.example"),
        ("ines@mail.example", "to ines&#x40;mail.example"),
        ("ines@mail.example", "to ines&amp;#64;mail.example"),
        ("ines@mail.example", "to=ines%2540mail.example"),
        ("ines@mail.example", "to=ines%252540mail.example"),
        ("José Núñez", "Jos&eacute; N&uacute;&ntilde;ez"),
        ("José Núñez", "for Jos&#233; N&#250;&#241;ez"),
        ("José Núñez", "for Jose\u0301 Nu\u0301n\u0303ez"),
        ("Jose\u0301 Nu\u0301n\u0303ez", "for José Núñez"),
        ("Ann \U0001f600 Lee", r"for Ann \ud83d\ude00 Lee's"),
        (PHONE, "n=%2B1%20312%20555%200110"),
        ("whatsapp:+13125550110", "call 13125550110"),
        ("tel:+1-312-555-0110;ext=4", "call 312 555 0110"),
        ("+1 312 555 0110 x12", "call (312) 555-0110"),
        ("48500.00", "48500.0"),
        ("48500.00", "n=%2048500"),
    ],
)
def test_spellings_that_no_place_in_the_text_shows(value: str, text: str) -> None:
    """What a text says when its escapes and letters are undone goes, at the price of the text around it."""
    left = without({value: None}, text)
    assert left is None or left.partition(REDACTED)[0] in {"call ", "for ", "n="}


def test_a_hash_stands_for_a_text_that_goes_as_a_whole() -> None:
    """As it does for an equal one."""
    assert without({"Pat O'Brien": "hmac:1", PHONE: "hmac:2"}, "for Pat O&#39;Brien") == "hmac:1"
    assert without({"Pat O'Brien": "hmac:1", PHONE: "hmac:2"}, "n=312%20555%200110") == "hmac:2"


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


@pytest.mark.parametrize(("numbers", "text"), [(300, "1 " * 9_000), (18, "1 " * 32_768), (300, "312 777 0001 " * 99)])
def test_a_text_is_read_once_for_all_numbers(numbers: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many phone numbers and amounts are looked for: each character twice, as it is and in its plain form."""
    read = 0

    def counted(look: Callable[[str, Any], Iterator[Span]]) -> Callable[[str, Any], Iterator[Span]]:
        def counting(text: str, wanted: Any) -> Iterator[Span]:
            nonlocal read
            read += len(text)
            return look(text, wanted)

        return counting

    monkeypatch.setattr("headrace.core.value_copies.phones_in", counted(phones_in))
    monkeypatch.setattr("headrace.core.value_copies.amounts_in", counted(amounts_in))
    values: dict[str, str | None] = {"11111111111": None, "3127770001": None}
    values.update({f"1111111{n:04}": None for n in range(numbers)})
    ValueCopies(values, [text]).without(text)
    assert read <= 2 * 2 * len(text)


def test_words_numbers_and_escapes_count_as_work() -> None:
    """A text of many short ones takes longer than its length says."""
    for piece in ("1 ", "a ", "&;", "%;", "\\;", "1.5"):
        assert work_of({"x": None}, piece * 600_000) > MOST_WORK, piece
        assert work_of({piece * 600_000: None}, "x") > MOST_WORK, piece
    assert work_of({"x": None}, "word " * 60_000) < MOST_WORK
    assert work_of({"x": None}, "x" * 10_000_000) > MOST_WORK
