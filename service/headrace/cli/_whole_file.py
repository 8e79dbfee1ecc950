"""A file that is there once it is whole: written beside its place under a name that is free, then moved there."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_ALL_MAY: Final = 0o666


class WholeFile:
    """Writes a file. Every method raises `OSError` where that fails, but for `drop`, which undoes it.

    A link stays one, and a file its rights. What is no regular file (a device, a pipe) is written to as it is.
    """

    def __init__(self, file: Path) -> None:
        """Open what is written to."""
        self._place: Final = file.resolve()
        self._part: Path | None = None
        if file.exists() and (not file.is_file() or file.is_relative_to("/dev")):
            self.stream: IO[bytes] = file.open("wb")
            return
        number, part = tempfile.mkstemp(prefix=f".{self._place.name}.", dir=self._place.parent)
        self._part = Path(part)
        self.stream = os.fdopen(number, "wb")
        os.fchmod(number, _rights(self._place))

    def finish(self) -> None:
        """Let the file be there."""
        self.stream.close()
        if self._part is not None:
            self._part.replace(self._place)
            self._part = None

    def drop(self) -> None:
        """Leave all as it was, where it is not finished."""
        with suppress(OSError):
            self.stream.close()
        if self._part is not None:
            with suppress(OSError):
                self._part.unlink()


def write_whole(file: Path, text: str) -> None:
    """Write a file in UTF-8, whole or not at all. Raises `OSError`."""
    whole = WholeFile(file)
    try:
        whole.stream.write(text.encode())
        whole.finish()
    finally:
        whole.drop()


def _rights(place: Path) -> int:
    """Return the rights that a file has, or that a new one gets."""
    with suppress(FileNotFoundError):
        return place.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return _ALL_MAY & ~mask
