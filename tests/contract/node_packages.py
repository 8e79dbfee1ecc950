"""What others wrote in JavaScript to read what we promise: its packages, and scripts that use them."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import pytest

HERE: Final = Path(__file__).parent
BUILD: Final = Path(__file__).parents[2] / "build"
REQUIRED: Final = bool(os.environ.get("HEADRACE_REQUIRE_CONTRACT_TOOLS") or os.environ.get("CI"))
UNREACHABLE: Final = ("EAI_AGAIN", "ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")
_FILES: Final = ("package.json", "package-lock.json")
_INSTALLS_WITHIN: Final = 300.0
_ENDS_WITHIN: Final = 120.0


def run_script(name: str, *arguments: object, stdin: str = "") -> str:
    """Return what a script beside this file writes. Skips where there is no Node, or no package can be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        unavailable("there is no Node.js with npm")
    packages = installed()
    done = subprocess.run(
        ["node", str(HERE / name), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | {"NODE_PATH": str(packages)},
        timeout=_ENDS_WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def installed() -> Path:
    """Return the folder of the packages, installed once for each state of the lock file, below `build`."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in _FILES)).hexdigest()[:12]
    home = BUILD / f"node-{digest}"
    with one_at_a_time(home.with_suffix(".lock")):
        if not (home / "complete").exists():
            _install(home)
    return home / "node_modules"


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where HEADRACE_REQUIRE_CONTRACT_TOOLS or CI says that the tool must be there."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Keep other workers of the same run out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(home: Path) -> None:
    home.mkdir(exist_ok=True)
    for name in _FILES:
        shutil.copy(HERE / name, home)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=_INSTALLS_WITHIN, check=False)
    if done.returncode and any(word in done.stderr for word in UNREACHABLE):
        unavailable("no npm registry can be reached from here")
    assert done.returncode == 0, done.stderr
    (home / "complete").touch()
