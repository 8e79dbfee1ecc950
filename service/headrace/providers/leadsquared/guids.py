"""The forms of a GUID: .NET writes it with or without dashes, in braces or parentheses, in any case."""

import re
from typing import Final

_PLAIN: Final = 36  # len("3f2a1b0c-4a10-11f1-8f00-0242ac120099")
_EMPTY: Final = "00000000-0000-0000-0000-000000000000"
"""Guid.Empty, which says that there is none."""
_HEX: Final = "([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})"
_GUID: Final = re.compile(rf"[{{(]?\s*{_HEX}\s*[)}}]?")


def one_guid(text: str) -> str:
    """Return an id in its one form: lower case, no spaces or braces; empty where it says that there is none."""
    plain = text.strip().lower()
    if len(plain) != _PLAIN:
        found = _GUID.fullmatch(plain)
        plain = "-".join(found.groups()) if found else plain
    return "" if plain == _EMPTY else plain
