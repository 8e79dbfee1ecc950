"""What a JSON value may take in memory once it is decoded: the measure of every bound on work. Pure."""

from typing import Final

CONTAINER_BYTES: Final = 64
"""An empty list or dict takes at least so much beside its two bytes."""


def weight(value: bytes) -> int:
    """Return the bytes of a value, and `CONTAINER_BYTES` more for each `[` and `{` in it, in strings too."""
    return len(value) + CONTAINER_BYTES * (value.count(b"[") + value.count(b"{"))
