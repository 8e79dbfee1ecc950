"""The one gate to the typed places of an event: each function returns a value in its written form, None for a misfit.

Providers and tenants' fields write the same value in several ways: numbers or strings, with and without zeros, zones or
separators. `one_form` makes equal what is equal, for meanings and digests.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from headrace.core import timestamps

Reader = Callable[[str], str]
"""Reads a time in a provider's forms and returns it in canonical form; raises `ValueError` for what is none."""

_LONGEST: Final = 64  # characters of a number
_MOST_DIGITS: Final = 30  # before the point, or zeros behind it: no sum of money has more
_PLAIN_INTS: Final = 10**_MOST_DIGITS
_SECONDS_DIGITS: Final = 9
_WHOLE_DIGITS: Final = 18  # what 64 bits hold for sure
_LONGEST_ID: Final = 200
_LONGEST_URL: Final = 8_192
_LEAST_TIME: Final = 14  # "4/5/2026 06:07"; a date alone is shorter

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
_PLAIN_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_URL: Final = re.compile(r"https?://[^\s/?#\x00-\x1f\x7f]+[^\s\x00-\x1f\x7f]*", re.IGNORECASE)
_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_BETWEEN_DIGITS: Final = str.maketrans("", "", " \xa0-.()/")
_FIRST_OF_NUMBER: Final = frozenset("-0123456789")
_FIRST_OF_FLAG: Final = frozenset("tTfF")
_FLAGS: Final = frozenset({"true", "false"})
_NEVER: Final = "0001-01-01"
"""How .NET begins a date that was never set."""

_CODES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD "
    "FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS "
    "KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR "
    "SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD "
    "USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL "
)
_CURRENCIES: Final = frozenset(_CODES[at : at + 3] for at in range(0, len(_CODES), 4))
"""ISO 4217, with codes that were withdrawn lately and stand in older deals."""

_sorted: Final = msgspec.json.Encoder(order="sorted").encode


def decimal(value: Any) -> str | None:
    """Return a number as a decimal without exponent; a string keeps its zeros, and with an exponent it is none."""
    if type(value) is str:  # most numbers are plain ones, and stay as they are
        if not value or (value.isdigit() and value.isascii() and value[0] != "0" and len(value) <= _MOST_DIGITS):
            return value or None
    elif value is None:
        return None
    elif type(value) is int and -_PLAIN_INTS < value < _PLAIN_INTS:
        return str(value)
    return _decimal(value)


def _decimal(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    written = value.strip() if isinstance(value, str) else repr(value)
    if isinstance(value, str) and (len(written) > _LONGEST or not _NUMBER.fullmatch(written)):
        return None
    number = Decimal(written)
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return None
    plain = format(number, "f") if number else format(abs(number), "f")
    return _bare(plain) if isinstance(value, float) else plain


def duration(value: Any) -> int | float | None:
    """Return a length in seconds, whole where it is."""
    if type(value) is str and len(value) <= _SECONDS_DIGITS and value.isdigit() and value.isascii():
        return int(value)
    seconds = decimal(value)
    if seconds is None or seconds[0] == "-" or len(seconds.partition(".")[0]) > _SECONDS_DIGITS:
        return None
    bare = _bare(seconds)
    return float(bare) if "." in bare else int(bare)


def whole(value: Any) -> int | None:
    """Return a whole number that is not negative."""
    if type(value) is str and len(value) <= _WHOLE_DIGITS and value.isdigit() and value.isascii():
        return int(value)
    number = decimal(value)
    bare = None if number is None else _bare(number)
    return int(bare) if bare and bare.isdigit() and len(bare) <= _WHOLE_DIGITS else None


def currency(value: Any) -> str | None:
    """Return a code of ISO 4217, in capitals."""
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if code in _CURRENCIES else None


def time(value: Any, read: Reader = timestamps.canonical) -> str | None:
    """Return a time in canonical form; a date without a time of day is none, nor is one that was never set."""
    if not isinstance(value, str) or ":" not in value or len(value) < _LEAST_TIME:
        return None
    try:
        written = read(value.strip())
    except (ValueError, OverflowError):
        return None
    return None if written.startswith(_NEVER) else written


def url(value: Any) -> str | None:
    """Return a link that a browser opens."""
    link = value.strip() if isinstance(value, str) else ""
    return link if link and len(link) <= _LONGEST_URL and _URL.fullmatch(link) else None


def address(value: Any) -> str | None:
    """Return a phone number in E.164 where its country is told, any other address as it is."""
    if type(value) is str and _PHONE.fullmatch(value):
        return value
    named = ident(value)
    if named is None or named[0] != "+":
        return named
    phone = named.translate(_BETWEEN_DIGITS)
    return phone if _PHONE.fullmatch(phone) else named


def ident(value: Any) -> str | None:
    """Return an id: printable text or a whole number."""
    if isinstance(value, str):
        named = value.strip()
    else:
        number = whole(value)
        named = "" if number is None else str(number)
    return named if named and len(named) <= _LONGEST_ID and named.isprintable() else None


def text(value: Any) -> str | None:
    """Return text, a number or a flag as text."""
    if isinstance(value, str):
        return value or None
    return str(value).lower() if isinstance(value, bool) else decimal(value)


def degrees(value: Any, most: int) -> float | None:
    """Return a latitude or longitude, between -`most` and `most`."""
    number = decimal(value)
    found = None if number is None else float(number)
    return found if found is not None and abs(found) <= most else None


def one_form(value: Any, read: Reader = timestamps.canonical) -> Any:
    """Return a value so that equal ones compare equal: numbers and flags as text, times in UTC, nothing as None.

    A number keeps leading zeros, with which it is a postal code or an id. In objects nothing and absent are the same.
    """
    if type(value) is str:
        return form_of_text(value, read)
    if isinstance(value, dict):
        forms = {}
        for key, item in value.items():
            form = form_of_text(item, read) if type(item) is str else one_form(item, read)
            if form is not None:
                forms[key] = form
        return forms or None
    if isinstance(value, list):
        return [one_form(item, read) for item in value] or None
    number = text(value)
    return number if number is None else _bare(number)


def one_text(value: Any, read: Reader = timestamps.canonical) -> str:
    """Return the one form of a value as text, empty where it says nothing."""
    form = one_form(value, read)
    return form if isinstance(form, str) else "" if form is None else _sorted(form).decode()


def form_of_text(value: str, read: Reader = timestamps.canonical) -> str | None:
    """Return the one form of a text, None of an empty one."""
    bare = value.strip()
    if not bare or len(bare) > _LONGEST:
        return bare or None
    first = bare[0]
    if first in _FIRST_OF_NUMBER:
        if ":" in bare:
            return time(bare, read) or bare
        if "." in bare or bare == "-0":  # no other number has zeros that say nothing
            return _bare(bare) if _PLAIN_NUMBER.fullmatch(bare) else bare
    elif first in _FIRST_OF_FLAG and bare.lower() in _FLAGS:
        return bare.lower()
    return bare


def _bare(number: str) -> str:
    """Return a decimal without the zeros that say nothing."""
    bare = number.rstrip("0").rstrip(".") if "." in number else number
    return "0" if bare == "-0" else bare
