"""Find phone numbers and amounts in a text, whatever their spelling, in one pass for all of them. Pure."""

import re
from collections.abc import Iterator, Mapping as Dict
from typing import Final

Span = tuple[int, int, str]
"""Begin and end in a text, and what stands there instead."""

LEAST_DIGITS: Final = 7
"""Digits of a phone number…"""
_MOST_DIGITS: Final = 18
"""… with all that is dialled before it."""
_TAIL: Final = 9
"""Digits at the end of a phone number without the country and the zero before it."""
_BETWEEN: Final = r"[\s().\-/\u2010-\u2015\u2212]{1,3}"
_PHONE: Final = re.compile(r"\(?[0-9][0-9\s().\-/]{5,30}[0-9]")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9.\-]*:(?://)?")
_EXTENSION: Final = re.compile(r"\s*(?:[;,#]|x|ext).*", re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9]+")
_RUN: Final = re.compile(rf"[0-9]+(?:{_BETWEEN}[0-9]+)*")
_COUNTRY: Final = re.compile(rf"(?:\+[0-9]{{1,3}}(?:{_BETWEEN})?)?[+(]*\Z")
_AMOUNT: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])|[0-9]+(?:\.[0-9]+)?")
_WHOLE_AMOUNT: Final = re.compile(rf"[+\-]?(?:{_AMOUNT.pattern})")


def phone_of(value: str) -> str | None:
    """Return the digits of a value in its plain form that is a phone number, None where it is none."""
    scheme = _SCHEME.match(value)
    bare = _EXTENSION.sub("", value[scheme.end() if scheme else 0 :]).strip()
    digits = "".join(_DIGITS.findall(bare))
    return digits if _PHONE.fullmatch(bare) and len(digits) >= LEAST_DIGITS else None


def tail_of(digits: str) -> str:
    """Return the digits of a phone number by which it is found."""
    return digits[-_TAIL:]


def phones_in(text: str, tails: Dict[str, tuple[str, str]]) -> Iterator[Span]:
    """Yield where phone numbers stand. `tails` has their last digits, each with all of them and what replaces it."""
    for run in _RUN.finditer(text) if tails else ():
        if run.end() - run.start() < LEAST_DIGITS:
            continue
        digits = ""
        for group in _DIGITS.finditer(text, run.start(), run.end()):
            digits = (digits + group[0])[-_MOST_DIGITS:] if group.end() - group.start() <= _MOST_DIGITS else ""
            found = tails.get(digits[-9:]) or tails.get(digits[-8:]) or tails.get(digits[-7:])
            if found is not None:
                whole, instead = found
                used = len(whole) if digits.endswith(whole) else len(tail_of(whole))
                yield _begin_of(text, run.start(), group.end(), used), group.end(), instead
                digits = ""


def _begin_of(text: str, least: int, end: int, digits: int) -> int:
    """Return where the group begins that has the first of the last digits, or the country with its sign before it."""
    begin = end
    while digits > 0 or (begin > least and text[begin - 1] in "0123456789"):
        begin -= 1
        digits -= text[begin] in "0123456789"
    found = _COUNTRY.search(text[max(0, begin - 8) : begin])
    return begin - len(found[0]) if found else begin


def amount_of(value: str) -> str | None:
    """Return a number as it is compared, `48500` for `48,500.00`; None where a value is none."""
    return _comparable(value.lstrip("+-")) if _WHOLE_AMOUNT.fullmatch(value) else None


def amounts_in(text: str, amounts: Dict[str, str]) -> Iterator[Span]:
    """Yield where amounts stand, each with what replaces it."""
    for number in _AMOUNT.finditer(text) if amounts else ():
        if (instead := amounts.get(_comparable(number[0]))) is not None:
            yield number.start(), number.end(), instead
            continue
        for group in _DIGITS.finditer(text, number.start(), number.end()):
            if (instead := amounts.get(group[0])) is not None:
                yield group.start(), group.end(), instead


def _comparable(number: str) -> str:
    number = number.replace(",", "")
    return number.rstrip("0").rstrip(".") if "." in number else number
