"""Durations and sizes as people write them."""

import re
from typing import Annotated, Final

from msgspec import Meta

Seconds = Annotated[int, Meta(ge=1, title="a duration such as 30d, 12h, 15m or 90s")]
"""A span of time in seconds, written as `30d`, `12h`, `15m` or `90s`."""

Bytes = Annotated[int, Meta(ge=1, title="a size such as 4GiB, 512MiB or 64KiB")]
"""A size in bytes, written as `4GiB`, `512MiB` or `64KiB`."""


_SECONDS_PER_UNIT: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


_DURATION: Final = re.compile(r"^(\d{1,9})\s*([dhms])$")


def seconds(text: str) -> int:
    """Return a duration in seconds. Raises `ValueError`, which never quotes the text: it may be a secret."""
    found = _DURATION.match(text.strip())
    if not found:
        raise ValueError("write a duration such as 30d, 12h, 15m or 90s")
    return int(found[1]) * _SECONDS_PER_UNIT[found[2]]


def span_text(span: int) -> str:
    """Return seconds as `seconds` reads them, in the largest unit of which they are whole ones."""
    unit, size = next(pair for pair in _SECONDS_PER_UNIT.items() if span % pair[1] == 0)
    return f"{span // size}{unit}"


_BYTES_PER_UNIT: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


_SIZE: Final = re.compile(r"^(\d{1,9})\s*([KMGT]iB|B)$")


def in_bytes(text: str) -> int:
    """Return a size in bytes. Raises `ValueError`, which never quotes the text: it may be a secret."""
    found = _SIZE.match(text.strip())
    if not found or not int(found[1]):
        raise ValueError("write a size such as 4GiB, 512MiB or 64KiB")
    return int(found[1]) * _BYTES_PER_UNIT[found[2]]


def size_text(size: int) -> str:
    """Return bytes as `in_bytes` reads them, in the largest unit of which they are whole ones."""
    unit, factor = next(pair for pair in reversed(_BYTES_PER_UNIT.items()) if size % pair[1] == 0)
    return f"{size // factor}{unit}"
