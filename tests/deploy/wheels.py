"""The wheels of a release, the libraries that they need, and environments with nothing else, made without an index."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Final

import pytest

from tests.build_step import failure_of
from tests.deploy.files import TOP

REQUIRED: Final = bool(os.environ.get("HEADRACE_REQUIRE_WHEELS") or os.environ.get("CI"))
_PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
_SECONDS: Final = 240.0


def build(folder: Path) -> Path:
    """Build a release into a folder, as `make dist` does, with the Python that runs the tests."""
    command = ("make", "--old-file=.venv/.installed", "dist", f"PY={sys.executable}", f"DIST={folder}")
    assert failure_of(command, TOP, _SECONDS) is None
    return folder


def libraries() -> Path:
    """Return the folder of the pinned libraries of the service, which is filled once for each state of the pins."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    needed = [one for one in wanted if not one.startswith("headrace-events")]
    pins = TOP / "constraints.txt"
    digest = hashlib.sha256("\n".join([*needed, pins.read_text("utf-8"), sys.version]).encode()).hexdigest()[:12]
    folder = TOP / "build" / f"wheels-{digest}"
    if not folder.exists():
        making = folder.with_suffix(f".{os.getpid()}")
        command = (*_PIP, "download", "--only-binary", ":all:", "-c", str(pins), "-d", str(making), *needed)
        _need(failure_of(command, TOP, _SECONDS))
        with contextlib.suppress(OSError):  # another worker was faster
            making.rename(folder)
        shutil.rmtree(making, ignore_errors=True)
    return folder


def environment(home: Path, requirement: str, *folders: Path) -> Path:
    """Make an environment that holds a requirement and what it needs, from wheels in folders; return its programs."""
    venv.create(home, with_pip=False, symlinks=True)
    sources = [word for folder in folders for word in ("--find-links", str(folder))]
    command = (*_PIP, "--isolated", "--python", str(home / "bin/python"), "install", "--no-compile", "--no-index")
    assert failure_of((*command, *sources, requirement), home, _SECONDS) is None
    return home / "bin"


def run(*command: object, folder: Path, code: int = 0) -> str:
    """Run a program of an environment, outside the clone and with no variable of ours; return what it prints.

    It must end with `code`.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "PYTHON"))}
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def _need(failure: str | None) -> None:
    """Skip where libraries cannot be had; fail where HEADRACE_REQUIRE_WHEELS or CI demands that all tests run."""
    if failure is None:
        return
    if REQUIRED:
        pytest.fail(f"HEADRACE_REQUIRE_WHEELS is set, but {failure}", pytrace=False)
    pytest.skip(failure)
