"""How SQLite lays a row out on pages, and so what a record takes on the disk. Pure.

https://www.sqlite.org/fileformat2.html#b_tree_pages
"""

from typing import Final

PAGE_BYTES: Final = 8192
"""Bytes of a page: two or more usual records fit one."""
OVERFLOW_BYTES: Final = PAGE_BYTES - 4
"""Bytes of a row on each page that it has for itself."""

_LOCAL: Final = PAGE_BYTES - 35
_LEAST_LOCAL: Final = (PAGE_BYTES - 12) * 32 // 255 - 23
_LEAF_BYTES: Final = PAGE_BYTES - 12
_CELL_BYTES: Final = 18
"""What a row takes on its leaf beside its local part: pointer, id, lengths, number of the next page."""
_COLUMNS_BYTES: Final = 80
"""The columns of a row beside its record."""
_INDEX_BYTES: Final = 150
"""The entry of a row in the index, on pages that are half full at least."""


def local_bytes(size: int) -> int:
    """Return how many bytes of a row stand on its leaf; the others stand on pages of its own."""
    if size <= _LOCAL:
        return size
    local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % OVERFLOW_BYTES
    return local if local <= _LOCAL else _LEAST_LOCAL


def disk_bytes(record_bytes: int) -> int:
    """Return what a record takes on the disk among others of its size: its share of a leaf, and pages of its own.

    A record of five kilobytes takes a page of eight: counted by their bytes, records take up to twice what they count.
    """
    size = record_bytes + _COLUMNS_BYTES
    local = local_bytes(size)
    share = PAGE_BYTES // max(1, _LEAF_BYTES // (local + _CELL_BYTES))
    own_pages = -(-(size - local) // OVERFLOW_BYTES)
    return share + own_pages * PAGE_BYTES + _INDEX_BYTES
