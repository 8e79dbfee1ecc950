"""py-spy at a running process: stacks of what runs, on request with the C functions below them."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

RATE: Final = 100
"""Samples a second."""
_MOST_SECONDS: Final = 600
_END_SECONDS: Final = 60.0
_REMEDY: Final = (
    "py-spy may not look into another process: run this as root, on Linux after `sysctl kernel.yama.ptrace_scope=0`, "
    "in a container with `--cap-add SYS_PTRACE`"
)


class Sampler:
    """Samples process `pid` while its block runs, or until the process ends; then `text` holds the stacks."""

    def __init__(self, pid: int, file: Path, *, native: bool = False) -> None:
        self.text = ""
        self._file = file
        spy = Path(sys.executable).with_name("py-spy")
        options = ("--pid", str(pid), "--rate", str(RATE), "--format", "raw", "--output", str(file))
        more = "--native" if native else "--nonblocking"  # the C stack can be read only while the process stands still
        command = (str(spy), "record", *options, more, "--duration", str(_MOST_SECONDS))
        self._spy: Final = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End sampling. Raises `SystemExit` with what to do where it could not begin."""
        if self._spy.poll() is None:
            self._spy.send_signal(signal.SIGINT)
        _, log = self._spy.communicate(timeout=_END_SECONDS)
        if error is not None:
            return
        if not self._file.exists():
            raise SystemExit(f"{_REMEDY}\n{log}" if "ermission" in log else f"py-spy wrote nothing:\n{log}")
        self.text = self._file.read_text("utf-8")
