"""The names of leads in few bytes: a row number for each, by which others hold what they know of a lead. Pure.

A dict of a million names takes 150 bytes a name and more, and stops everything while it grows; this takes 30, and one
addition never moves more than one chain. Linear hashing: there are as many chains as names, the next chain is split
whenever a name is added (https://en.wikipedia.org/wiki/Linear_hashing).
"""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator
from hashlib import blake2b
from typing import Final

_GUID, _TEXT, _LONG = 1, 2, 3
"""First byte of a row: the 16 bytes of a GUID follow, a short text, or digest, place and length of a long one. 0: the
row is free."""
_WIDTH: Final = 17
_BYTES: Final = 16
_GUID_LENGTH: Final = 36
_DIGEST: Final = 9
"""Bytes of a long text's row that tell it from most others; the text itself tells it from the rest."""
_PLACE: Final = 5
_NONE: Final = -1


class LeadNames(Collection[str]):
    """Names by row. A GUID in lower case with dashes, and a text of 16 bytes, take no more than their row.

    Iterating bears changes: names that come or go meanwhile may be met or not. A row that is free is used again.
    """

    def __init__(self) -> None:
        self._packed: Final = bytearray()
        self._next: Final = array("i")
        self._texts: Final = _Texts()
        self._chains: Final = array("i", [_NONE])
        self._mask = 0
        self._free = _NONE
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, lead: object) -> bool:
        return isinstance(lead, str) and self.find(lead) >= 0

    def __iter__(self) -> Iterator[str]:
        row = 0
        while row < len(self._next):
            if self.holds(row):
                yield self.name(row)
            row += 1

    @property
    def rows(self) -> int:
        """How many rows there are, free ones among them."""
        return len(self._next)

    def holds(self, row: int) -> bool:
        """Return whether a row has a name."""
        return self._packed[row * _WIDTH] != 0

    def name(self, row: int) -> str:
        """Return the name of a row that has one."""
        kind, at = self._packed[row * _WIDTH], row * _WIDTH + 1
        if kind == _LONG:
            return _decoded(self._texts.text(self._place(row)))
        packed = self._packed[at : at + _BYTES]
        if kind == _TEXT:
            return _decoded(packed.rstrip(b"\0"))
        digits = packed.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def find(self, lead: str) -> int:
        """Return the row of a name, -1 where it has none."""
        packed = _pack(lead)
        return self._find(packed, lead, self._chain(packed))

    def add(self, lead: str) -> int:
        """Return the row of a name, a new one where it had none."""
        packed = _pack(lead)
        chain = self._chain(packed)
        row = self._find(packed, lead, chain)
        if row >= 0:
            return row
        if packed[0] == _LONG:
            packed += self._texts.put(_encoded(lead))
        row = self._take_row(packed)
        self._size += 1
        self._link(row, chain)
        if self._size > len(self._chains):
            self._split()
        return row

    def remove(self, lead: str) -> int:
        """Free the row of a name; return which it was, -1 where it had none."""
        row = self.find(lead)
        if row < 0:
            return row
        self._unlink(row)
        if self._packed[row * _WIDTH] == _LONG:
            self._texts.remove(self._place(row))
        self._packed[row * _WIDTH : (row + 1) * _WIDTH] = bytes(_WIDTH)
        self._next[row], self._free = self._free, row
        self._size -= 1
        return row

    def _place(self, row: int) -> bytes:
        return bytes(self._packed[row * _WIDTH + _DIGEST : (row + 1) * _WIDTH])

    def _find(self, packed: bytes, lead: str, chain: int) -> int:
        row = self._chains[chain]
        while row >= 0 and not self._is(row, packed, lead):
            row = self._next[row]
        return row

    def _is(self, row: int, packed: bytes, lead: str) -> bool:
        if not self._packed.startswith(packed, row * _WIDTH):
            return False
        return packed[0] != _LONG or self._texts.text(self._place(row)) == _encoded(lead)

    def _take_row(self, packed: bytes) -> int:
        row = self._free
        if row >= 0:
            self._free = self._next[row]
            self._packed[row * _WIDTH : (row + 1) * _WIDTH] = packed
            return row
        self._packed.extend(packed)
        self._next.append(_NONE)
        return len(self._next) - 1

    def _chain(self, packed: bytes) -> int:
        """Return the chain of a name: by so many bits of its hash, one less where that chain is not split off yet."""
        found = hash(packed)
        chain = found & self._mask
        return chain if chain < len(self._chains) else found & (self._mask >> 1)

    def _chain_of(self, row: int) -> int:
        at = row * _WIDTH
        return self._chain(bytes(self._packed[at : at + (_DIGEST if self._packed[at] == _LONG else _WIDTH)]))

    def _link(self, row: int, chain: int) -> None:
        self._next[row] = self._chains[chain]
        self._chains[chain] = row

    def _unlink(self, row: int) -> None:
        chain = self._chain_of(row)
        at = self._chains[chain]
        if at == row:
            self._chains[chain] = self._next[row]
            return
        while self._next[at] != row:
            at = self._next[at]
        self._next[at] = self._next[row]

    def _split(self) -> None:
        """Add a chain, and link the names of the one that it is split off anew."""
        if len(self._chains) > self._mask:
            self._mask = self._mask * 2 + 1
        split = len(self._chains) & (self._mask >> 1)
        row, self._chains[split] = self._chains[split], _NONE
        self._chains.append(_NONE)
        while row >= 0:
            after = self._next[row]
            self._link(row, self._chain_of(row))
            row = after


class _Texts:
    """Long texts in one piece of memory. What one of them leaves free is for the next of the same length."""

    def __init__(self) -> None:
        self._bytes: Final = bytearray()
        self._free: Final[defaultdict[int, list[int]]] = defaultdict(list)

    def put(self, text: bytes) -> bytes:
        """Take in a text; return its place, of eight bytes."""
        free = self._free.get(len(text))
        at = free.pop() if free else len(self._bytes)
        self._bytes[at : at + len(text)] = text
        return at.to_bytes(_PLACE, "little") + len(text).to_bytes(_WIDTH - _DIGEST - _PLACE, "little")

    def text(self, place: bytes) -> bytearray:
        """Return the text at a place."""
        at = int.from_bytes(place[:_PLACE], "little")
        return self._bytes[at : at + int.from_bytes(place[_PLACE:], "little")]

    def remove(self, place: bytes) -> None:
        """Leave its room to others."""
        self._free[int.from_bytes(place[_PLACE:], "little")].append(int.from_bytes(place[:_PLACE], "little"))


def _pack(lead: str) -> bytes:
    """Return what the row of a name begins with: all of it, but for a long text."""
    if len(lead) == _GUID_LENGTH and lead[8] == lead[13] == lead[18] == lead[23] == "-":
        digits = lead.replace("-", "")
        try:
            packed = bytes.fromhex(digits)
        except ValueError:
            packed = b""
        if len(packed) == _BYTES and packed.hex() == digits:
            return bytes((_GUID,)) + packed
    text = _encoded(lead)
    if len(text) <= _BYTES and b"\0" not in text:
        return bytes((_TEXT,)) + text.ljust(_BYTES, b"\0")
    return bytes((_LONG,)) + blake2b(text, digest_size=_DIGEST - 1).digest()


def _encoded(lead: str) -> bytes:
    return lead.encode("utf-8", "surrogatepass")


def _decoded(text: bytearray) -> str:
    return text.decode("utf-8", "surrogatepass")
