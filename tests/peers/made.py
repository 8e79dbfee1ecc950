"""What the contenders need beyond `.venv`: made once below `build/peers`, at exact versions."""

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.build_step import failure_of

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
QUIX: Final = "quixstreams==3.28.1"
_BUILD: Final = ROOT / "build" / "peers"
_MADE_WITHIN: Final = 1_800.0
_PIP: Final = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
_MAVEN: Final = ("mvn", "-B", "-q", "-Dstyle.color=never", "compile", "dependency:copy-dependencies")


class CannotMake(Exception):  # noqa: N818  (an answer: the others run)
    """This machine lacks something, or has it refused; the text says what."""


def quix() -> Path:
    """Return a Python that has Quix Streams."""
    home = _BUILD / f"quix-{_digest(QUIX.encode())}"
    _once(home, (sys.executable, "-m", "venv", "."), ("bin/python", *_PIP, QUIX))
    return home / "bin" / "python"


def streams() -> str:
    """Return the class path of the contender on Kafka Streams."""
    home = _copied("streams", "java", "mvn", commands=[_MAVEN])
    return f"{home}/target/classes:{home}/target/dependency/*"


def bento() -> Path:
    """Return a folder with Bento, its configuration and its mapping."""
    go = ("env", "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "go", "build", "-o", "bento", ".")
    return _copied("bento", "go", commands=[go])


def _copied(contender: str, *programs: str, commands: Sequence[Sequence[str]]) -> Path:
    """Return a copy of a contender's folder in which these commands ran, made once for each state of its files."""
    source = HERE / contender
    for program in programs:
        if shutil.which(program) is None:
            raise CannotMake(f"there is no {program} here")
    files = sorted(path for path in source.rglob("*") if path.is_file() and "target" not in path.parts)
    home = _BUILD / f"{contender}-{_digest(*(path.read_bytes() for path in files))}"
    _once(home, *commands, source=source)
    return home


def _once(home: Path, *commands: Sequence[str], source: Path | None = None) -> None:
    """Run these commands in `home`, which begins as a copy of `source`, unless they ran before."""
    done = home / ".made"
    if done.exists():
        return
    shutil.rmtree(home, ignore_errors=True)
    if source is None:
        home.mkdir(parents=True)
    else:
        shutil.copytree(source, home, ignore=shutil.ignore_patterns("target"))
    for command in commands:
        _run(command, home)
    done.touch()


def _run(command: Sequence[str], folder: Path) -> None:
    """Run one step; raise CannotMake with the end of what it says."""
    failure = failure_of(command, folder, _MADE_WITHIN)
    if failure is not None:
        raise CannotMake(failure)


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents) + os.fsencode(sys.prefix)).hexdigest()[:12]
