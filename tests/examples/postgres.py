"""A PostgreSQL of one test: the machine's own binaries, a socket in a directory of its own, and no port."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final, Self

from headrace_demo.process import Child
from tests.examples.installed import give_up
from tests.examples.waiting import wait_for

_DEBIAN: Final = Path("/usr/lib/postgresql")
_STARTS_WITHIN: Final = 60.0


class Postgres:
    """A server that is started on entering, and thrown away on leaving."""

    def __init__(self) -> None:
        self._binaries = _binaries()
        self.home = Path(tempfile.mkdtemp(prefix="headrace-pg-", dir="/tmp"))  # a socket's path is short
        self.url = f"postgresql://headrace@/postgres?host={self.home}"
        self._server: Child | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it answers; skip where there is none."""
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.home, _other_user())
        data = self.home / "data"
        initdb = (
            self._binaries / "initdb",
            "-D",
            data,
            "-U",
            "headrace",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        )
        subprocess.run(self._command(*initdb), check=True, capture_output=True, timeout=_STARTS_WITHIN, cwd=self.home)
        settings = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={self.home}", "-c", "fsync=off")
        command = self._command(self._binaries / "postgres", "-D", data, *settings)
        self._server = Child(command, log=self.home / "log", cwd=self.home)
        wait_for(self._answers, within=_STARTS_WITHIN)
        return self

    def __exit__(self, *_: object) -> None:
        """End it at once: its data are thrown away."""
        if self._server is not None:
            self._server.kill()  # its children end with it
        shutil.rmtree(self.home, ignore_errors=True)

    def query(self, sql: str) -> list[str]:
        """Return the lines that psql prints; raise CalledProcessError where the server refuses."""
        psql = (self._binaries / "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url)
        done = subprocess.run(psql, check=True, capture_output=True, text=True, timeout=_STARTS_WITHIN)
        return done.stdout.splitlines()

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Let nobody write a table meanwhile; reading it is free."""
        psql = (self._binaries / "psql", "-X", "-q", "-A", "-t", self.url)
        with subprocess.Popen(psql, stdin=PIPE, stdout=PIPE, text=True) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT 'locked';\n")
            session.stdin.flush()
            assert session.stdout.readline() == "locked\n"
            yield
            # its input ends here, and with it the session

    def _answers(self) -> bool:
        ready = (self._binaries / "pg_isready", "-q", "-h", self.home)
        return subprocess.run(ready, check=False, timeout=_STARTS_WITHIN).returncode == 0

    @staticmethod
    def _command(*command: Any) -> list[str]:
        words = [str(word) for word in command]
        if os.geteuid() != 0:
            return words
        return [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--clear-groups",
            "--reuid",
            _other_user(),
            "--regid",
            str(_group()),
            *words,
        ]


def _binaries() -> Path:
    """Return the folder of a server's binaries, the newest of Debian's if there is none in the path."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted((path.parent for path in _DEBIAN.glob("*/bin/initdb")), reverse=True)
    if not found:
        give_up("there is no PostgreSQL here (apt-get install postgresql)")
    return found[0]


def _other_user() -> str:
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _group() -> int:
    return pwd.getpwnam(_other_user()).pw_gid
