"""A child process that does not outlive the test run, however the run ends."""

import atexit
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One running program: signals go to it alone, its output to a file.

    Start it from the main thread: the kernel ends it with the *thread* that started it.
    """

    def __init__(self, command: Sequence[str | os.PathLike[str]], *, log: Path, cwd: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  (programs of ours, or named by a test)
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which then ends this
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it only makes one system call
            )
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process has not ended yet (a paused one has not)."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended: its exit code, or the signal that ended it, negative; None while it runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the process has ended."""
        self._process.send_signal(number)

    def terminate(self, deadline: float) -> None:
        """Ask the process to end; raise TimeoutExpired if it has not after `deadline` seconds."""
        self._process.terminate()
        self.wait(deadline)

    def wait(self, deadline: float) -> None:
        """Wait until the process has ended; raise TimeoutExpired if it has not after `deadline` seconds."""
        self._process.wait(deadline)
        atexit.unregister(self.kill)

    def kill(self) -> None:
        """End the process at once (SIGKILL) and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        atexit.unregister(self.kill)
