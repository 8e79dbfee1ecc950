"""Which rows the list of all leads has shown, by time of creation: one note for ten minutes of it.

Of each row only the last state is known: one that turns back is news. A row costs ten bytes, half for its id, half for
its bytes; two rows of one note are taken for one once in 2⁴⁰ pairs, and then come again with every look.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Literal

from headrace.core.timestamps import from_millis
from headrace.providers.leadping import wire
from headrace.providers.leadping.hydrate import EventHead
from headrace.sdk.feed import Api, Note

SLICE_MS: Final = 600_000
MOST_ROWS: Final = 60_000
"""Of one note, which may have 1 MB: beyond it the first are forgotten, and come again with every look."""
MOST_LOADED: Final = 100_000
"""Rows that are in memory unpacked, 20 MB: those of a page may be of a whole day, unsorted. Beyond it others are packed
again."""
_HALF: Final = 5
_ENTRY: Final = 2 * _HALF
_UNDATED: Final = "undated"
_OPEN: Final = b"\0open"
_MINUTES: Final = len("2026-10-02T12:10")

State = Literal["new", "open", "known"]
"""`open`: as it was last, but its call had not ended."""


def slice_of(made: int) -> int:
    """Return the number of the ten minutes in which something was created (ms since the epoch)."""
    return made // SLICE_MS


def key_of(number: int) -> str:
    """Return the key of a note."""
    return from_millis(number * SLICE_MS)[:_MINUTES]


def was_brought(api: Api, row: bytes, head: EventHead | None, made: int | None) -> bool:
    """Return whether the list of all leads brought this row as it is, with its parts."""
    if made is None:
        return False
    packed, entry = api.note(wire.TENANT_FEED, key_of(slice_of(made))), _name(row, head) + _digest(row)
    at = packed.find(entry)
    while at >= 0 and at % _ENTRY:
        at = packed.find(entry, at + 1)
    return at >= 0


class KnownRows:
    """The rows that are known of all slices; none of those created before `oldest`, a slice, are remembered."""

    def __init__(self, api: Api, oldest: int) -> None:
        self._api: Final = api
        self._oldest: Final = oldest
        self._slices: Final[OrderedDict[str, dict[bytes, bytes]]] = OrderedDict()
        self._loaded = 0
        self._changed: Final[set[str]] = set()
        self._packed: Final[dict[str, bytes]] = {}
        """What has changed and is not noted yet, of slices that are not in memory any more."""

    def state(self, row: bytes, head: EventHead | None, made: int | None) -> State:
        """Return what is known of a row, created then."""
        digest = self._rows(_key(made)).get(_name(row, head))
        if digest is None:
            return "new"
        return "known" if digest == _digest(row) else "open" if digest == _digest(row + _OPEN) else "new"

    def add(self, row: bytes, head: EventHead | None, made: int | None, *, is_open: bool = False) -> None:
        """Know a row from now on, in place of what it was before."""
        if made is not None and slice_of(made) < self._oldest:
            return
        key, name = _key(made), _name(row, head)
        rows = self._rows(key)
        before = len(rows)
        rows.pop(name, None)
        rows[name] = _digest(row + _OPEN if is_open else row)
        if len(rows) > MOST_ROWS:
            del rows[next(iter(rows))]
        self._loaded += len(rows) - before
        self._changed.add(key)
        self._packed.pop(key, None)
        self._make_room()

    def notes(self) -> Iterator[Note]:
        """Yield what has changed since the last call."""
        while self._packed:
            yield Note(*self._packed.popitem())
        for key in sorted(self._changed):
            yield Note(key, _pack(self._slices[key]))
        self._changed.clear()

    def _rows(self, key: str) -> dict[bytes, bytes]:
        if key not in self._slices:
            packed = self._packed.get(key) or self._api.note(wire.TENANT_FEED, key)
            entries = (packed[at : at + _ENTRY] for at in range(0, len(packed), _ENTRY))
            self._slices[key] = {entry[:_HALF]: entry[_HALF:] for entry in entries}
            self._loaded += len(self._slices[key])
            self._make_room()
        self._slices.move_to_end(key)
        return self._slices[key]

    def _make_room(self) -> None:
        """Pack what was not looked at for the longest time, but for the last slice."""
        while self._loaded > MOST_LOADED and len(self._slices) > 1:
            key, rows = self._slices.popitem(last=False)
            self._loaded -= len(rows)
            if key in self._changed:
                self._changed.discard(key)
                self._packed[key] = _pack(rows)


def _pack(rows: dict[bytes, bytes]) -> bytes:
    return b"".join(name + digest for name, digest in rows.items())


def _key(made: int | None) -> str:
    return _UNDATED if made is None else key_of(slice_of(made))


def _name(row: bytes, head: EventHead | None) -> bytes:
    return _digest(row if head is None else head.id.encode())


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_HALF).digest()
