"""Which rows a feed knows, byte for byte, in few bytes of a cursor. Pure."""

import hashlib
from collections import OrderedDict
from typing import Final

_SIZE: Final = 8
MOST: Final = 4_000
"""So many rows are remembered: 32 kB of a cursor that may have 1 MB."""


class Digests:
    """The last `most` rows that were added, by their digests. Two rows are taken for one once in 2⁶⁴ pairs."""

    def __init__(self, packed: bytes = b"", most: int = MOST) -> None:
        self._most: Final = most
        # Of all that keep an order, this gives its oldest away in constant time.
        self._kept: Final = OrderedDict.fromkeys(packed[at : at + _SIZE] for at in range(0, len(packed), _SIZE))

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, row: bytes) -> bool:
        return _digest(row) in self._kept

    def add(self, row: bytes) -> bool:
        """Remember a row, and forget the oldest one where there is no more room. Says whether it was new."""
        digest = _digest(row)
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return False
        self._kept[digest] = None
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return True

    def packed(self) -> bytes:
        """Write them, the oldest first."""
        return b"".join(self._kept)


def _digest(row: bytes) -> bytes:
    return hashlib.blake2b(row, digest_size=_SIZE).digest()
