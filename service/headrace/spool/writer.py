"""The spool's thread: one connection, and one transaction, so one fsync, for all that wait (group commit)."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from msgspec import Struct

from headrace.spool.file import CannotSpool, SpoolFacts, SpoolFile, oldest_of
from headrace.spool.rescue import Damage, is_damaged, opened, salvaged

JOBS_AT_ONCE: Final = 2_000
"""Jobs in one transaction."""
RETRY_SECONDS: Final = 1.0
"""Between two attempts at what is owed to the file."""

_REFUSALS: Final = (sqlite3.Error, OSError, CannotSpool)
_log = structlog.get_logger()


class Job(Struct):
    """Something to do with the file; `done` is called in the event loop with its result or its error.

    What is `owed` is tried again until the disk takes it, and done only then. What is done `apart` is not part of the
    common transaction: it only reads, or makes one of its own.
    """

    work: Callable[[SpoolFile], Any]
    done: Callable[[Any], None]
    owed: bool = False
    apart: bool = False


_PROBE: Final = Job(lambda file: file.probe(), lambda _: None, owed=True)
"""Whether the disk takes a page."""


class SpoolWriter:
    """The thread. `counted` is called in the event loop with what the file holds, whenever it was opened anew.

    `oldest` is when (ms) what waits longest was received; `well` is whether the disk took the last commit.
    """

    def __init__(self, path: Path, counted: Callable[[SpoolFacts], None]) -> None:
        self.damage: Final = Damage()
        self.oldest: int | None = None
        self.well = True
        self._path = path
        self._counted = counted
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._owed: list[Job] = []
        self._file: SpoolFile | None = None
        self.first = SpoolFacts(topics={}, set_aside=0, bytes=0, oldest=None, put=0, drained=0)
        try:
            self.first = self._opened(opened(path, self.damage))
        except (sqlite3.Error, OSError) as error:
            _log.warning("spool_unusable", path=str(self._path), reason=str(error))
            self.well = False  # so it is tried again
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Have something done; call it from the event loop."""
        if self._closed:
            job.done(OSError("the spool is closed"))
        else:
            self._jobs.put(job)

    def close(self, deadline: float) -> bool:
        """Finish queued jobs and close; return False after `deadline` seconds."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join(deadline)
        return not self._thread.is_alive()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            jobs = self._take()
            goes_on = None not in jobs
            self._do([job for job in jobs if job is not None])
        self._close()

    def _take(self) -> list[Job | None]:
        """Wait for something to do, and take all that there is."""
        jobs: list[Job | None] = []
        with contextlib.suppress(queue.Empty):
            jobs.append(self._jobs.get(timeout=RETRY_SECONDS if self._owed or not self.well else None))
            while len(jobs) < JOBS_AT_ONCE:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _do(self, jobs: Sequence[Job]) -> None:
        """Do all there is in one transaction; where that fails, what is owed apart from what can be refused.

        While the disk takes nothing it is tried each second, even where nobody wants anything of it.
        """
        owed, self._owed = [*self._owed, *(job for job in jobs if job.owed)], []
        rest = [job for job in jobs if not job.owed and not job.apart]
        was_well = self.well
        if not (was_well or owed or rest):
            owed = [_PROBE]
        if error := self._commit([*owed, *rest]):
            if self._commit(owed):
                self._owed = [job for job in owed if job is not _PROBE]
            self._commit_what_fits(rest)
            if was_well and not self.well:
                _log.warning("spool_unusable", path=str(self._path), reason=str(error))
        for job in jobs:
            if job.apart:
                self._do_apart(job)

    def _commit_what_fits(self, jobs: Sequence[Job]) -> None:
        """Commit jobs of which some cannot be: halve them, since one that does not fit says nothing of the others."""
        error = self._commit(jobs)
        if error is None:
            return
        if len(jobs) == 1:
            self._report([(jobs[0], error)])
            return
        middle = len(jobs) // 2
        self._commit_what_fits(jobs[:middle])
        self._commit_what_fits(jobs[middle:])

    def _commit(self, jobs: Sequence[Job]) -> Exception | None:
        """Do jobs in one transaction and report their results; return the error where the disk does not take it."""
        if not jobs:
            return None

        def work(file: SpoolFile) -> list[Any]:
            with file.transaction():
                return [job.work(file) for job in jobs]

        try:
            results = self._safely(work)
        except _REFUSALS as error:
            self.well = False
            return error
        except BaseException as error:  # noqa: BLE001  (the thread goes on whatever it is: others wait for it)
            _log.exception("spool_failed")
            return OSError(f"an error of ours: {type(error).__name__}")
        self.well = True
        self._report(list(zip(jobs, results, strict=True)))
        return None

    def _do_apart(self, job: Job) -> None:
        try:
            result = self._safely(job.work)
        except _REFUSALS as error:
            result = error
        except BaseException as error:  # noqa: BLE001  (as above)
            _log.exception("spool_failed")
            result = OSError(f"an error of ours: {type(error).__name__}")
        self._report([(job, result)])

    def _safely(self, work: Callable[[SpoolFile], Any]) -> Any:
        """Work with the file; a damaged one is replaced, and the work done again."""
        try:
            if self._file is None:
                self._call(self._counted, self._opened(opened(self._path, self.damage)))
            return self._with_file(work)
        except sqlite3.Error as error:
            if not is_damaged(error):
                raise
        self._close()
        self._call(self._counted, self._opened(salvaged(self._path, self.damage)))
        return self._with_file(work)

    def _with_file(self, work: Callable[[SpoolFile], Any]) -> Any:
        assert self._file is not None  # noqa: S101  (for the type checker: it was opened just before)
        result = work(self._file)
        self.oldest = oldest_of(self._file.db)
        return result

    def _opened(self, file: SpoolFile) -> SpoolFacts:
        self._file = file
        self.oldest = oldest_of(file.db)
        return file.facts()

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file.close()
        self._file = None

    def _report(self, outcomes: list[tuple[Job, Any]]) -> None:
        def report(_: None) -> None:
            for job, outcome in outcomes:
                job.done(outcome)

        self._call(report, None)

    def _call(self, function: Callable[[Any], None], argument: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(function, argument)
