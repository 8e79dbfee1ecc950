"""An invented spool: its file as the program leaves it, and what it says."""

import gzip
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from headrace import __version__
from headrace.spool.file import SpoolFacts, SpoolFile
from headrace.spool.record import Waiting, pack
from tests.formats.golden import HOME
from tests.formats.topics import AT, SOURCE, TOPICS

_RECORDS: Final = {form.name: [form.write(one) for one in form.values.values()] for form in TOPICS}
WAITING: Final = {
    topic: [Waiting(id=first + n, topic=topic, source=SOURCE, received=AT, out=_RECORDS[topic][n]) for n in range(2)]
    for topic, first in (("raw", 1), ("nudges", 3))
}
FACTS: Final = SpoolFacts(topics={"raw": 2, "nudges": 2}, set_aside=1, bytes=0, oldest=AT, put=6, drained=1)
_NAME: Final = "spool.db.gz"
_PRAGMAS: Final = ("user_version", "application_id", "page_size", "auto_vacuum")


def write_spool(path: Path) -> None:
    """Write a spool: two records of each topic wait, one was drained, one is set aside."""
    with closing(SpoolFile(path)) as file:
        with file.transaction():
            for topic, records in WAITING.items():
                file.append(AT, [(topic, SOURCE, pack(one.out)) for one in records])
            file.append(AT, [("raw", SOURCE, pack(_RECORDS["raw"][n])) for n in (2, 3)])
        with file.transaction():
            file.remove([5])
            file.set_aside([6], "too large")


def save(path: Path) -> None:
    """Make a spool the golden file of today's version."""
    (HOME / __version__ / _NAME).write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def unpack_spool(version: str, path: Path) -> None:
    """Write the spool of a version to a path."""
    path.write_bytes(gzip.decompress((HOME / version / _NAME).read_bytes()))


def contents(path: Path) -> tuple[list[int], Sequence[str]]:
    """Return what a file says: SQLite writes its own version and counters into it beside that."""
    with closing(sqlite3.connect(path)) as db:
        return [db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS], list(db.iterdump())
