"""What the examples need beside Kafka, installed once below `build`; who lacks it skips, unless it is demanded."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.build_step import failure_of

EXAMPLES: Final = Path(__file__).parents[2] / "schemas" / "examples"
REQUIRED: Final = bool(os.environ.get("HEADRACE_REQUIRE_EXAMPLES") or os.environ.get("CI"))
_BUILD: Final = Path(__file__).parents[2] / "build" / "examples"
_INSTALLS_WITHIN: Final = 240.0
_MADE: Final = (".venv", "node_modules", "target", "__pycache__")
"""What whoever tries an example in its folder leaves there."""


def need(*programs: str, package: str) -> None:
    """Skip a test for which this machine lacks a program."""
    lacking = [program for program in programs if shutil.which(program) is None]
    if lacking:
        give_up(f"there is no {' and no '.join(lacking)} here (apt-get install {package})")


def give_up(reason: str) -> NoReturn:
    """Skip a test with a sentence; fail it where HEADRACE_REQUIRE_EXAMPLES or CI demands that all run."""
    if REQUIRED:
        pytest.fail(f"HEADRACE_REQUIRE_EXAMPLES is set, but {reason}", pytrace=False)
    pytest.skip(reason)


def built(example: str, *commands: Sequence[str]) -> Path:
    """Return a copy of an example in which these commands have run, made once for each state of its files."""
    source = EXAMPLES / example
    home = _BUILD / f"{example}-{_digest(source)}"
    with _one_at_a_time(home.with_suffix(".lock")):
        if not home.exists():
            making = home.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            shutil.copytree(source, making, ignore=shutil.ignore_patterns(*_MADE))
            for command in commands:
                _run(example, command, making)
            making.rename(home)
    return home


def python_of(example: str) -> Path:
    """Return a Python that has what an example's requirements.txt lists, but for the package of events."""
    pip = (".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    home = built(example, (sys.executable, "-m", "venv", ".venv"), (*pip, "-r", "requirements.txt"))
    return home / ".venv" / "bin" / "python"


def _digest(source: Path) -> str:
    """Return 12 hex digits of an example's files, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.suffix != ".md" and not set(_MADE).intersection(path.parts):
            digest.update(
                b"%s\0%d\0%s" % (str(path.relative_to(source)).encode(), path.stat().st_size, path.read_bytes())
            )
    return digest.hexdigest()[:12]


def _run(example: str, command: Sequence[str], folder: Path) -> None:
    """Run one step of an installation, or give the test up with the end of what it says."""
    failure = failure_of(command, folder, _INSTALLS_WITHIN)
    if failure is not None:
        give_up(f"{example} cannot be installed: {failure}")


@contextmanager
def _one_at_a_time(file: Path) -> Iterator[None]:
    """Keep other workers of the same run out."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
