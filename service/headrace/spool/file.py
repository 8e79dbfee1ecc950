"""The spool's file: one SQLite database, owned by one process and written by one connection of it.

SQLite up to 3.51.2 can damage a file in WAL mode where *two* connections write or checkpoint at once
(https://www.sqlite.org/wal.html#walresetbug). Hence one connection, and readers that can do neither (`mode=ro`).
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from headrace.spool.pages import PAGE_BYTES
from headrace.spool.record import SpoolRow, Waiting, row

APPLICATION: Final = 0x48647263
"""`application_id` of the file: `Hdrc`."""
FORMAT: Final = 1
TOPICS: Final = ("raw", "nudges")
CHECKED_BYTES: Final = 64 * 2**20
"""Bytes of a file that is read through when it is opened; a larger one shows its damage when it is read."""

_SCHEMA: Final = """
CREATE TABLE item (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, source TEXT NOT NULL, received INTEGER NOT NULL,
    size INTEGER NOT NULL, reason TEXT, "check" INTEGER NOT NULL, record BLOB NOT NULL
);
CREATE INDEX waiting ON item (topic, id, source, received, size) WHERE reason IS NULL;
CREATE INDEX aside ON item (reason, id, topic, source, received, size) WHERE reason IS NOT NULL;
CREATE TABLE sums (put INTEGER NOT NULL, drained INTEGER NOT NULL);
INSERT INTO sums VALUES (0, 0);
"""
_COLUMNS: Final = 'id, topic, source, received, size, reason, "check", record'

_INSERT: Final = f"INSERT INTO item ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  (our columns)


class CannotSpool(Exception):  # noqa: N818  (a sentence for the operator)
    """The spool cannot be used; the text says why and what to do."""


class SpoolFacts(Struct, frozen=True, kw_only=True):
    """What the file holds now and ever held. `oldest` is the time of receipt (ms) of what waits longest.

    put = drained + waiting + set aside. `topics` counts what waits by topic, `bytes` includes what is set aside.
    """

    topics: dict[str, int]
    set_aside: int
    bytes: int
    oldest: int | None
    put: int
    drained: int

    @property
    def waiting(self) -> int:
        """How many records wait."""
        return sum(self.topics.values())


class SpoolLock:
    """The right to write to a spool: held until closed, or until the process ends in whatever way."""

    def __init__(self, path: Path) -> None:
        self._beside = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._number = os.open(self._beside, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotSpool(f"the spool {path} cannot be used: {error.strerror}; mend [spool] path") from None
        try:
            fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._number, 20, 0).decode("ascii", "replace").strip()
            os.close(self._number)
            raise CannotSpool(
                f"the spool {path} is in use by process {owner or 'unknown'}, which drains it itself"
            ) from None
        os.ftruncate(self._number, 0)
        os.pwrite(self._number, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._number)


class SpoolFile:
    """The open file. Raises `sqlite3.Error` where it is full or damaged; who calls decides what follows."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._create(path)
        self._opened: Final = path.stat()
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
            self.check()
            self._last = self._last_id()
        except BaseException:
            self.db.close()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done within it, and fsync; or roll it back. Raises `CannotSpool` where the file was moved."""
        self._check_place()
        last = self._last
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self._last = last
            raise

    def _check_place(self) -> None:
        """Raise `CannotSpool` where a start would not find the open file: what it takes could be lost."""
        with contextlib.suppress(OSError):
            if os.path.samestat(self._path.stat(), self._opened):
                return
        raise CannotSpool(
            f"the open file no longer stands at {self._path}: put it back, or start the receiver anew "
            "once headrace_spool_records is 0"
        )

    def append(self, received: int, records: Iterable[tuple[str, str, bytes]]) -> int:
        """Insert (topic, source, packed record); return how many they are."""
        rows = [row(self._last + n, received, *record) for n, record in enumerate(records, 1)]
        self._last += len(rows)
        self.db.executemany(_INSERT, map(structs.astuple, rows))
        self.db.execute("UPDATE sums SET put = put + ?", (len(rows),))
        return len(rows)

    def oldest(self, topic: str, behind: int, most: int, most_bytes: int) -> list[Waiting]:
        """Return the oldest records of a topic with ids behind `behind`, at least one if there is any."""
        found: list[Waiting] = []
        where = "topic = ? AND reason IS NULL AND id > ? ORDER BY id LIMIT ?"
        for columns in self.db.execute(f"SELECT {_COLUMNS} FROM item WHERE {where}", (topic, behind, most)):  # noqa: S608  (our columns)
            one = SpoolRow(*columns)
            most_bytes -= one.size
            if found and most_bytes < 0:
                break
            found.append(one.waiting())
        return found

    def remove(self, ids: Sequence[int]) -> int:
        """Delete what was drained; return how many bytes that were."""
        size = 0
        for one in ids:
            for (freed,) in self.db.execute("DELETE FROM item WHERE id = ? RETURNING size", (one,)).fetchall():
                size += freed
        self.db.execute("UPDATE sums SET drained = drained + ?", (len(ids),))
        return size

    def set_aside(self, ids: Iterable[int], reason: str) -> int:
        """Keep records, but let them wait no longer; return 0: they take as much room as before."""
        self.db.executemany("UPDATE item SET reason = ? WHERE id = ?", [(reason, one) for one in ids])
        return 0

    def take_back(self) -> SpoolFacts:
        """Let everything that was set aside wait again; return what there is then."""
        self.db.execute("UPDATE item SET reason = NULL WHERE reason IS NOT NULL")
        return self.facts()

    def rescue(self, rows: Iterable[SpoolRow]) -> None:
        """Insert rows of a damaged file; one that comes twice is inserted once."""
        self.db.executemany(_INSERT.replace("INSERT", "INSERT OR IGNORE"), map(structs.astuple, rows))

    def balance(self, drained: int) -> int:
        """Set the sums to what was drained and what is here; return how much is here."""
        here: int = self.db.execute("SELECT count(*) FROM item").fetchone()[0]
        self.db.execute("UPDATE sums SET put = ?, drained = ?", (drained + here, drained))
        return here

    def probe(self) -> None:
        """Write a page, and change nothing."""
        self.db.execute("UPDATE sums SET put = put")

    def facts(self) -> SpoolFacts:
        """Count what there is."""
        return facts_of(self.db)

    def _last_id(self) -> int:
        put, highest = self.db.execute("SELECT put, (SELECT max(id) FROM item) FROM sums").fetchone()
        last: int = max(put, highest or 0)
        return last

    def shrink(self, pages: int = 2_000) -> bool:
        """Return some unused room to the disk, outside of a transaction; return whether there is more."""
        free: int = self.db.execute("PRAGMA freelist_count").fetchone()[0]
        self.db.executescript(f"PRAGMA incremental_vacuum({pages})")  # execute() would stop after its first page
        return free > pages

    def check(self) -> None:
        """Read a file of moderate size through. Raises `sqlite3.DatabaseError` where it is damaged."""
        pages: int = self.db.execute("PRAGMA page_count").fetchone()[0]
        if (
            pages * PAGE_BYTES <= CHECKED_BYTES
            and (found := self.db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok"
        ):
            raise sqlite3.DatabaseError(found)
        self.facts()

    def close(self) -> None:
        """Close; SQLite moves everything from the WAL into the file."""
        self.db.close()

    @staticmethod
    def _create(path: Path) -> None:
        """Create an empty file that only we can read; SQLite gives -wal and -shm the same mode."""
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _prepare(self) -> None:
        db = self.db
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        owner: int = db.execute("PRAGMA application_id").fetchone()[0]
        if owner not in (0, APPLICATION) or (
            owner == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        ):
            raise CannotSpool("it is a database, but not a spool: mend [spool] path")
        if version > FORMAT:
            raise CannotSpool(f"the spool has format {version}, this program reads {FORMAT}: upgrade it")
        if version == 0:
            db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # fsync at each commit: in WAL mode NORMAL would lose the last ones
        db.execute("PRAGMA secure_delete = ON")  # what was drained is not found again by a salvage
        db.execute("PRAGMA wal_autocheckpoint = 2000")
        db.execute(f"PRAGMA journal_size_limit = {64 * 2**20}")
        db.execute("PRAGMA cache_size = -16000")
        if version == 0:
            db.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT"
            )
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def facts_of(db: sqlite3.Connection) -> SpoolFacts:
    """Count what a database holds."""
    by = "SELECT topic, count(*), sum(size) FROM item WHERE reason IS NULL GROUP BY topic"
    waiting = {topic: (count, size) for topic, count, size in db.execute(by)}
    aside, size = db.execute("SELECT count(*), total(size) FROM item WHERE reason IS NOT NULL").fetchone()
    put, drained = db.execute("SELECT put, drained FROM sums").fetchone()
    return SpoolFacts(
        topics={topic: count for topic, (count, _) in waiting.items()},
        set_aside=aside,
        bytes=int(size) + sum(size for _, size in waiting.values()),
        oldest=oldest_of(db),
        put=put,
        drained=drained,
    )


def oldest_of(db: sqlite3.Connection) -> int | None:
    """Return when (ms) what waits longest was received."""
    first = "SELECT received FROM item WHERE reason IS NULL AND topic = ? ORDER BY id LIMIT 1"
    found = [row[0] for topic in TOPICS for row in db.execute(first, (topic,))]
    return min(found, default=None)


@contextlib.contextmanager
def look(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a spool for reading, while another process owns it. Raises `CannotSpool` where none can be read."""
    if not path.is_file():
        raise CannotSpool(f"there is no spool at {path}")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] > FORMAT:
                raise CannotSpool(f"the spool {path} was written by a newer Headrace: upgrade")
            db.execute("BEGIN")  # everything that is shown is of one moment
            yield db
    except sqlite3.Error as error:
        raise CannotSpool(f"the spool {path} cannot be read: {error}") from None
