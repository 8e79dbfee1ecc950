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
        # Of all that keep an order, this gives up its oldest in constant time.
        packed = packed[-most * _SIZE :]
        self._digests: Final = OrderedDict.fromkeys(packed[at : at + _SIZE] for at in range(0, len(packed), _SIZE))

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, row: bytes) -> bool:
        return _digest(row) in self._digests

    def add(self, row: bytes) -> bool:
        """Remember a row, and forget the oldest one where there is no more room. Return whether it was new."""
        digest = _digest(row)
        if digest in self._digests:
            self._digests.move_to_end(digest)
            return False
        self._digests[digest] = None
        if len(self._digests) > self._most:
            self._digests.popitem(last=False)
        return True

    def packed(self) -> bytes:
        """Return them as bytes, the oldest first."""
        return b"".join(self._digests)


def _digest(row: bytes) -> bytes:
    return hashlib.blake2b(row, digest_size=_SIZE).digest()
