"""Of which leads the streams brought rows lately, and how new these were: for these no lead has to be read. Pure."""

import hashlib
import struct
from typing import Final

NOTE: Final = "leads"
"""The key of the note of `activities-by-code` that holds them."""
_MOST: Final = 2_000
_ENTRY: Final = struct.Struct(">8sI")


class RecentLeads:
    """The leads of the last rows, each with the second of its newest one. Packed, they take 24 kB."""

    def __init__(self, packed: bytes = b"") -> None:
        self._newest: Final[dict[bytes, int]] = dict(_ENTRY.iter_unpack(packed))

    def add(self, lead: str, at: int) -> None:
        """Note a row of a lead, of a time in ms."""
        name = _digest(lead)
        self._newest[name] = max(self._newest.pop(name, 0), at // 1000)
        if len(self._newest) > _MOST:
            del self._newest[next(iter(self._newest))]

    def has(self, lead: str, at: int) -> bool:
        """Return whether a row of a lead came that is not older than this time in ms."""
        return self._newest.get(_digest(lead), -1) * 1000 >= at

    def packed(self) -> bytes:
        """Return them as bytes."""
        return b"".join(_ENTRY.pack(name, second) for name, second in self._newest.items())


def _digest(lead: str) -> bytes:
    return hashlib.blake2b(lead.encode(), digest_size=8).digest()
