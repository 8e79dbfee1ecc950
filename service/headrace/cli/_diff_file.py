"""A file of differences, one JSON a line, that is there once it is whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from headrace.cli._whole_file import WholeFile

_encode: Final = msgspec.json.Encoder().encode


class DiffFile:
    """Writes lines beside the file that is wanted, and moves them there once they are whole; or none at all."""

    def __init__(self, file: Path | None) -> None:
        self._file: Final = file
        self._whole: WholeFile | None = None

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line. Raises `ClickException` where it cannot be written."""
        if self._whole is not None:
            try:
                self._whole.stream.write(_encode(line) + b"\n")
            except OSError as error:
                raise self._unwritten(error) from None

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Let the file be there where the body ends without an error. Raises `ClickException` where it cannot be."""
        if self._file is None:
            yield
            return
        try:
            self._whole = WholeFile(self._file)
        except OSError as error:
            raise self._unwritten(error) from None
        try:
            yield
            self._finish(self._whole)
        finally:
            self._whole.drop()

    def _finish(self, whole: WholeFile) -> None:
        try:
            whole.finish()
        except OSError as error:
            raise self._unwritten(error) from None

    def _unwritten(self, error: OSError) -> click.ClickException:
        return click.ClickException(f"{self._file} cannot be written: {error.strerror}")
