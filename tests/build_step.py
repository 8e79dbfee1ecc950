"""Run one step of what tests and benchmarks build for themselves: an installation, a compiler."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

_SHOWN = 600
"""Characters of what a step says that are shown: its end says why it failed."""


def failure_of(command: Sequence[str], folder: Path, within: float) -> str | None:
    """Run a command for `within` seconds at most; return why it failed, None where it did not."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{' '.join(command)} did not end within {within:.0f} s"
    return f"{' '.join(command)} failed: {done.stdout.strip()[-_SHOWN:]}" if done.returncode else None
