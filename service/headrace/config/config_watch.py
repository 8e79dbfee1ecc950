"""Follow the files of the configuration while the program runs: all or nothing, checked as at the start.

A bad file leaves in force what is, and is said once; once it is mended, it is taken over. What changes while it is
read, or just after, is read again: nothing is made of half a file, or of one file before and another after a change.
"""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Mapping as Dict, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

import structlog

from headrace.config.file_stamps import FileStamps
from headrace.config.live import LiveConfig
from headrace.config.load import load
from headrace.config.settings import Config
from headrace.config.tenant_files import FOLDER
from headrace.core.toml_lines import FileFaults
from headrace.observe.notices import Notices
from headrace_events import NoticeKind

LOOK_SECONDS: Final = 2.0
QUIET_SECONDS: Final = 0.1
"""For so long nothing may change behind a reading: whoever writes a file in place writes it in pieces."""
READ_SECONDS: Final = 30.0
"""Reading takes so long at most, as far as anybody knows: then a mount hangs, and that is said."""
TRIES: Final = 20
"""So often files are read that change all the time, before the next look."""
MOST_LISTED: Final = 20
"""Faults, or tenants, in one line of the log."""

T = TypeVar("T")

_log = structlog.get_logger()


class ConfigWatch:
    """Keeps `live` as the files have it. `environ` lies over them, as at the start."""

    def __init__(
        self,
        live: LiveConfig,
        environ: Dict[str, str],
        notices: Notices | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._live: Final = live
        self._notices: Final = notices or Notices()
        self._environ: Final = dict(environ)
        self._file: Final = live.config.file
        self._window: Final = live.config.dedupe.window
        self._sleep: Final = sleep
        self._folder: Final = (self._file.parent if self._file else Path()) / FOLDER
        self._had_folder = self._folder.is_dir()
        self._stamps: FileStamps | None = None  # what was read at the start was not noted: the first look reads again
        self._restart_logged: tuple[str, ...] = ()

    async def run(self, every: float = LOOK_SECONDS, within: float = READ_SECONDS) -> None:
        """Look every `every` seconds, until cancelled. A reading that takes more than `within` seconds is a fault."""
        try:
            await self._follow(every, within)
        finally:  # a process that has ended refuses nothing
            self._note(None)

    async def _follow(self, every: float, within: float) -> None:
        reading: asyncio.Future[Config | list[str] | None] | None = None
        while True:
            await asyncio.sleep(every)
            reading = reading or asyncio.wrap_future(in_thread(self.read))
            await asyncio.wait([reading], timeout=within)
            if not reading.done():
                self._stamps = None  # once it can be read, all of it counts
                self.take([f"the files cannot be read within {within:g} s: a mount hangs"])
                continue
            found, reading = reading.result(), None
            if found is not None:
                self.take(found)

    def look(self) -> bool:
        """Look once; return whether another configuration is in force."""
        before, found = self._live.config, self.read()
        if found is not None:
            self.take(found)
        return self._live.config is not before

    def read(self) -> Config | list[str] | None:
        """Return what the files say now: a configuration, or what is wrong with it; None where nothing has changed."""
        if self._stamps is not None and self._stamps.renewed() == self._stamps:
            return None
        for _ in range(TRIES):
            stamps = FileStamps()
            found = self._load(stamps)
            self._sleep(QUIET_SECONDS)
            if stamps.renewed() == stamps:
                self._stamps = stamps
                return found
        return None  # they change all the time: the next look finds the same

    def take(self, found: Config | list[str]) -> None:
        """Put what was read into force, or say why it cannot be; from the event loop alone."""
        if isinstance(found, list):
            if tuple(found) != self._live.refused:
                _log.error("configuration_refused", faults=_first(found), reason="what was in force before stays")
            self._live.refuse(found, 1 if self._stamps is None else len(self._stamps.unread))
            self._note(f"what was before stays; fault 1 of {len(found)}: {found[0]}")
            return
        self._note(None)
        if self._live.refused:
            _log.info("configuration_set_right")
        before = self._live.config
        changes = self._live.take_over(found)
        if self._live.config is not before:
            fields = {name: _first(getattr(changes, name)) for name in changes.__struct_fields__}
            _log.info("configuration_taken_over", **{name: sources for name, sources in fields.items() if sources})
        if self._live.needs_restart not in ((), self._restart_logged):
            _log.warning("restart_needed", keys=list(self._live.needs_restart))
        self._restart_logged = self._live.needs_restart

    def _note(self, why: str | None) -> None:
        self._notices.note(NoticeKind.CONFIGURATION_REFUSED, self._notices.process, why)

    def _load(self, stamps: FileStamps) -> Config | list[str]:
        """Load, or return what is wrong. A folder that vanishes is a mount that failed rather than a wish."""
        gc.disable()  # what is loaded is no garbage: looking through it would block the event loop for 100 ms
        try:
            found = load(self._file, self._environ, stamps=stamps, window=self._window)
        except FileFaults as faults:
            return [str(fault) for fault in faults.faults]
        except Exception as error:  # noqa: BLE001  (what runs goes on, whatever is in the files)
            return [f"the configuration cannot be read: {type(error).__name__}"]
        finally:
            gc.enable()
        has_folder = self._folder.is_dir()
        if self._had_folder and not has_folder:
            return [f"{self._folder}: is gone: leave it empty where none of its tenants is wanted any more"]
        self._had_folder = has_folder
        return found


def in_thread(work: Callable[[], T]) -> "Future[T]":
    """Start `work` in a thread of its own, which a program that ends does not wait for: it may never return."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001  (whoever waits gets it)
            outcome.set_exception(error)

    threading.Thread(target=run, name="configuration", daemon=True).start()
    return outcome


def _first(found: Sequence[str]) -> list[str]:
    """Return the first of a list, and how many more there are."""
    more = len(found) - MOST_LISTED
    return [*found[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])]
