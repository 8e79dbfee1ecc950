"""Open the spool's file, whatever state it is in: what a damaged one still holds goes on in a new file.

A rescue that is interrupted at any point is taken up at the next start:
`x.salvaging` (being filled) → `x.salvaged` (complete) → the damaged `x` moves away → `x.salvaged` becomes `x`.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct

from headrace.spool.file import SpoolFile
from headrace.spool.record import SpoolRow
from headrace.spool.salvage import sound_rows

_BATCH: Final = 500
_DAMAGED: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_log = structlog.get_logger()


class Damage(Struct):
    """How often the file was found damaged since the process began, and the records that were still whole."""

    times: int = 0
    salvaged: int = 0


def is_damaged(error: sqlite3.Error) -> bool:
    """Return whether an error means that the file is damaged, not that the disk is full or gone."""
    code = getattr(error, "sqlite_errorcode", None)
    return type(error) is sqlite3.DatabaseError if code is None else code & 0xFF in _DAMAGED


def opened(path: Path, damage: Damage) -> SpoolFile:
    """Open the file, or create it. Raises `sqlite3.Error` where the disk does not let us, `CannotSpool`."""
    _finish(path)
    try:
        if not _hollow(path):
            file = SpoolFile(path)
            _fsync(path.parent)
            return file
    except sqlite3.Error as error:
        if not is_damaged(error):
            raise
    return salvaged(path, damage)


def salvaged(path: Path, damage: Damage) -> SpoolFile:
    """Fill a new file with what the damaged one still holds, and keep that one beside it."""
    count = _fill(_named(path, ".salvaging"), path)
    _named(path, ".salvaging").replace(_named(path, ".salvaged"))
    damaged = _finish(path)
    damage.times += 1
    damage.salvaged += count
    _log.error("spool_salvaged", records=count, damaged=str(damaged))
    return SpoolFile(path)


def _hollow(path: Path) -> bool:
    """Return whether the file is empty beside a WAL that is not: SQLite would take it for new, and drop the WAL."""
    wal = _named(path, "-wal")
    return path.exists() and wal.exists() and path.stat().st_size == 0 < wal.stat().st_size


def _fill(new: Path, damaged: Path) -> int:
    """Write a new file; return how many records it holds."""
    for old in (new, _named(new, "-wal"), _named(new, "-shm")):
        old.unlink(missing_ok=True)
    drained = _drained(damaged)
    file = SpoolFile(new)
    with contextlib.closing(file):
        for rows in _batches(sound_rows(damaged)):
            with file.transaction():
                file.rescue(rows)
        with file.transaction():
            return file.balance(drained)


def _batches(rows: Iterator[SpoolRow]) -> Iterator[list[SpoolRow]]:
    batch: list[SpoolRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def _drained(path: Path) -> int:
    """Return how much was drained from the damaged file, 0 where that cannot be read any more."""
    if not path.exists() or path.stat().st_size == 0:
        return 0  # SQLite would drop the WAL beside it, even reading
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT drained FROM sums").fetchone()[0])
    except (sqlite3.Error, TypeError):
        return 0


def _finish(path: Path) -> Path | None:
    """Put a complete rescue in the place of the damaged file; return the name that this one got."""
    done = _named(path, ".salvaged")
    if not done.exists():
        return None
    damaged = _named(path, f".damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for part in ("-wal", ""):
        with contextlib.suppress(FileNotFoundError):
            _named(path, part).rename(_named(damaged, part))
    _named(path, "-shm").unlink(missing_ok=True)
    _fsync(path.parent)
    done.rename(path)
    _fsync(path.parent)
    return damaged


def _named(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _fsync(folder: Path) -> None:
    """Make the names in a folder durable: SQLite does so for its journals only."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
