"""What files looked like just before they were read: by that it is known whether one was changed since.

Kubernetes swaps a mounted folder by moving a symbolic link, editors write a new file or over the old one: so it is the
file behind the name that is looked at. Of a folder it is the names in it.
"""

import os
import stat
from pathlib import Path
from typing import Final

Stamp = tuple[int, int, int, int, int] | tuple[str, ...] | None
"""Device, inode, size and both times of change in ns, of the bytes (tools set that back) and of the file itself.

Of a folder the names in it; None where there is neither.
"""


class FileStamps:
    """The stamps of all that one configuration was read from, or would have been, had it been there."""

    def __init__(self) -> None:
        self._stamps: Final[dict[Path, Stamp]] = {}
        self.unread: Final[set[Path]] = set()
        """Those that a setting names, and that could not be read."""

    def note(self, path: Path) -> None:
        """Note how a file, or a folder, looks now: to be called before it is read. The first time counts."""
        if path not in self._stamps:
            self._stamps[path] = stamp_of(path)

    def renewed(self) -> "FileStamps":
        """Return the same files as they look now."""
        now = FileStamps()
        for path in self._stamps:
            now.note(path)
        return now

    def __eq__(self, other: object) -> bool:
        """Return whether another one holds the same files, and they looked the same."""
        return isinstance(other, FileStamps) and self._stamps == other._stamps

    def __hash__(self) -> int:
        """Refuse: what is noted grows."""
        raise TypeError("unhashable")


def stamp_of(path: Path) -> Stamp:
    """Return what a file, or a folder, looks like."""
    try:
        found = os.stat(path)  # noqa: PTH116  (follows links, which is the point)
        if stat.S_ISDIR(found.st_mode):
            return tuple(sorted(os.listdir(path)))  # noqa: PTH208  (names alone)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
