"""Read what is left of a damaged spool, page by page, without SQLite: it stops at the first page that is broken.

Every leaf page of every table is tried, and what has the check sum of a record is one. Of the pages in the WAL the
last committed ones count, as for SQLite. The format is https://www.sqlite.org/fileformat2.html.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from headrace.spool.pages import PAGE_BYTES, local_bytes
from headrace.spool.record import SpoolRow

_LEAF: Final = 0x0D
_FILE_HEADER: Final = 100
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_WIDTHS: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_COLUMNS: Final = 8
_INTEGERS: Final = 6
_ONE: Final = 9
_BLOB: Final = 12


def sound_rows(path: Path) -> Iterator[SpoolRow]:
    """Yield every record that is whole, in no order; one may come twice. Changes nothing."""
    pages = _Pages(path)
    for number in range(1, pages.count + 1):
        page = pages.read(number)
        start = _FILE_HEADER if number == 1 else 0
        if len(page) == PAGE_BYTES and page[start] == _LEAF:
            yield from _rows(pages, page, start)


class _Pages:
    """The pages of a database as its last commit left them."""

    def __init__(self, path: Path) -> None:
        self._file = _mapped(path)
        self._wal = _mapped(path.with_name(path.name + "-wal"))
        self._frames = dict(self._committed())
        self.count = max(-(-len(self._file) // PAGE_BYTES), *self._frames, 0)

    def read(self, number: int) -> bytes:
        """Return a page, counted from 1; what is missing is missing."""
        at = self._frames.get(number)
        return (
            self._file[(number - 1) * PAGE_BYTES : number * PAGE_BYTES]
            if at is None
            else self._wal[at : at + PAGE_BYTES]
        )

    def _committed(self) -> Iterator[tuple[int, int]]:
        """Yield the number of each page in the WAL and where it stands, up to the last commit."""
        salts = self._wal[16:24]
        open_frames: list[tuple[int, int]] = []
        for at in range(_WAL_HEADER, len(self._wal) - PAGE_BYTES - _FRAME_HEADER + 1, PAGE_BYTES + _FRAME_HEADER):
            if self._wal[at + 8 : at + 16] != salts:
                return  # left over from before the WAL was begun anew
            open_frames.append((int.from_bytes(self._wal[at : at + 4]), at + _FRAME_HEADER))
            if any(self._wal[at + 4 : at + 8]):  # the last frame of a commit tells the size of the database
                yield from open_frames
                open_frames.clear()


def _mapped(path: Path) -> mmap.mmap | bytes:
    """Return the bytes of a file that may be larger than memory."""
    if not path.exists() or path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _rows(pages: _Pages, page: bytes, start: int) -> Iterator[SpoolRow]:
    count = int.from_bytes(page[start + 3 : start + 5])
    for cell in range(min(count, PAGE_BYTES // 8)):
        pointer = start + 8 + 2 * cell
        try:
            row = _row(pages, page, int.from_bytes(page[pointer : pointer + 2]))
        except (IndexError, UnicodeDecodeError):
            continue  # not a cell
        if row is not None and row.sound:
            yield row


def _row(pages: _Pages, page: bytes, at: int) -> SpoolRow | None:
    """Read a cell; None where it is no record of ours."""
    size, at = _varint(page, at)
    id, at = _varint(page, at)  # noqa: A001  (the design's word)
    values = _values(_payload(pages, page, at, size))
    match values:
        case [
            None,
            str(topic),
            str(source),
            int(received),
            int(bytes_),
            str() | None as reason,
            int(check),
            bytes(record),
        ]:
            return SpoolRow(
                id=id,
                topic=topic,
                source=source,
                received=received,
                size=bytes_,
                reason=reason,
                check=check,
                record=record,
            )
    return None


def _payload(pages: _Pages, page: bytes, at: int, size: int) -> bytes:
    """Read what a cell holds, the greater part of it from its chain of overflow pages."""
    local = local_bytes(size)
    if local == size:
        return page[at : at + size]
    found, missing = [page[at : at + local]], size - local
    following = int.from_bytes(page[at + local : at + local + 4])
    while missing > 0 and 0 < following <= pages.count:
        part = pages.read(following)
        found.append(part[4 : 4 + missing])
        missing -= PAGE_BYTES - 4
        following = int.from_bytes(part[:4])
    return b"".join(found)


def _values(payload: bytes) -> list[Any]:
    """Read the columns of a row; none where they are not as many as ours."""
    end, at = _varint(payload, 0)
    types: list[int] = []
    while at < end and len(types) <= _COLUMNS:
        kind, at = _varint(payload, at)
        types.append(kind)
    if len(types) != _COLUMNS:
        return []
    values: list[Any] = []
    for kind in types:
        width = (kind - _BLOB) // 2 if kind >= _BLOB else _WIDTHS[kind]
        values.append(_value(kind, payload[end : end + width]))
        end += width
    return values


def _value(kind: int, field: bytes) -> Any:
    if kind >= _BLOB:
        return field.decode() if kind % 2 else field
    if 0 < kind <= _INTEGERS:
        return int.from_bytes(field, signed=True)
    return kind - _INTEGERS - 2 if kind in (_ONE - 1, _ONE) else None


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Read SQLite's integer of 1 to 9 bytes; return it and where it ends."""
    value = 0
    for count in range(9):
        byte = buffer[at + count]
        if count == 8:  # noqa: PLR2004  (the ninth byte has eight bits)
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004  (the highest bit says whether there is more)
            return value, at + count + 1
    return value, at + 9
