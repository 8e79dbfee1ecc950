"""The Docker engine, by its command line."""

import json
import shutil
import subprocess
from typing import Any, Final

_WITHIN: Final = 90.0
"""Seconds; a container that is stopped takes its grace period at most."""


class EngineError(Exception):
    """The engine refused a command; the text is its own."""


def docker(*arguments: str) -> str:
    """Run one command of `docker` and return what it prints; raise EngineError with what it complains of."""
    done = subprocess.run(
        ("docker", *arguments), capture_output=True, text=True, check=False, timeout=_WITHIN, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise EngineError(f"docker {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def why_none() -> str | None:
    """Return why there is no engine to run with, if there is none."""
    if shutil.which("docker") is None:
        return "there is no docker here (apt-get install docker.io)"
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (EngineError, subprocess.TimeoutExpired) as error:
        return f"no Docker engine answers: {error}"
    return None


def inspect(name: str) -> Any:
    """Return all that the engine knows of a container, a network or an image."""
    (only,) = json.loads(docker("inspect", name))
    return only


def logs(name: str) -> str:
    """Return all that a container wrote."""
    both = subprocess.run(("docker", "logs", name), capture_output=True, text=True, check=False, timeout=_WITHIN)
    return both.stdout + both.stderr
