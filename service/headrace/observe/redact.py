"""Redact secrets in log values: a second line of defence, as no secret should reach a logger. Pure."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

HIDDEN: Final = "[redacted]"

_WORDS: Final = (
    "secret|token|passw(?:or)?d|passphrase|authorization|signature|credential|cookie|"
    "(?:api|access|private|signing|ssl)[ _-]?key"
)
_NAME: Final = re.compile(_WORDS, re.IGNORECASE)
_ASSIGNED: Final = re.compile(
    rf"""(?P<name>(?:{_WORDS})[\w-]{{0,40}}(?:["']?\s{{0,4}}[=:]\s{{0,4}}["']?|["']\s{{0,4}},\s{{0,4}}["']))[^\s&"',;}})\]]{{2,}}""",
    re.IGNORECASE,
)
"""`accessKey=…` in a query string, `"token": "…"` in JSON, `('Cookie', '…')` among quoted headers.

The match begins at the word itself and its length is bounded, so that a long text costs one pass. One character is no
secret: `webhook_secrets: a secret is empty` stays as it is.
"""
_SCHEME: Final = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_USERINFO: Final = re.compile(r"://[^\s/@]+@")
_STANDARD: Final = re.compile(r"\bwhsec_[\w+/=-]+")
_DEEPEST: Final = 8


def redact(name: str, value: Any) -> Any:
    """Return what may be logged under `name`: plain values, those redacted that look like a secret by name or form."""
    return _named(name, value, 0)


def scrub(text: str) -> str:
    """Return a text with everything redacted that looks like a secret."""
    text = _SCHEME.sub(rf"\g<scheme> {HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\g<name>{HIDDEN}", text)
    text = _USERINFO.sub(f"://{HIDDEN}@", text)
    return _STANDARD.sub(HIDDEN, text)


def _named(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    return HIDDEN if _NAME.search(name) else _plain(value, depth)


def _plain(value: Any, depth: int) -> Any:
    plain: Any
    match value:
        case None | int():
            plain = value
        case float():
            plain = value if math.isfinite(value) else str(value)  # JSON has no infinity and no NaN
        case bytes() | bytearray() | memoryview():
            plain = f"{len(value)} bytes"
        case Mapping() | list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            plain = _inside(value, depth + 1)
        case _:
            plain = scrub(str(value)) if isinstance(value, str) or depth < _DEEPEST else "…"
    return plain


def _inside(values: Any, depth: int) -> Any:
    match values:
        case Mapping():
            return {str(name): _named(str(name), value, depth) for name, value in values.items()}
        case (str() as name, value):  # a header, as clients list them
            return [name, _named(name, value, depth)]
        case _:
            return [_plain(value, depth) for value in values]
