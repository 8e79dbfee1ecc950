"""A file of differences, one JSON a line, that is there once it is whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import click
import msgspec

_encode: Final = msgspec.json.Encoder().encode


class DiffFile:
    """Writes lines beside the file that is wanted, and moves them there once they are whole; or none at all."""

    def __init__(self, file: Path | None) -> None:
        self._file: Final = file
        self._stream: IO[bytes] | None = None

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line. Raises `ClickException` where it cannot be written."""
        if self._stream is not None:
            try:
                self._stream.write(_encode(line) + b"\n")
            except OSError as error:
                raise self._unwritten(error) from None

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Let the file be there where the body ends without an error."""
        if self._file is None:
            yield
            return
        part = self._file.with_name(f"{self._file.name}.part")
        try:
            self._stream = part.open("wb")
        except OSError as error:
            raise self._unwritten(error) from None
        try:
            yield
            self._close()
            part.replace(self._file)
        finally:
            with suppress(OSError):
                self._stream.close()
            part.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._stream is not None:
            try:
                self._stream.close()
            except OSError as error:
                raise self._unwritten(error) from None

    def _unwritten(self, error: OSError) -> click.ClickException:
        return click.ClickException(f"{self._file} cannot be written: {error.strerror}")
