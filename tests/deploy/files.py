"""Read the files that Headrace is deployed with, and check the configuration among them as a person would."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).parents[2]
DEPLOY = TOP / "deploy"

_PROGRAM = Path(sys.executable).with_name("headrace")
_SECONDS = 60.0


def documents(text: str) -> list[Any]:
    """Read YAML of one or many documents."""
    return [document for document in yaml.safe_load_all(text) if document is not None]


def document(path: Path) -> Any:
    """Read a YAML file of one document."""
    (only,) = documents(path.read_text("utf-8"))
    return only


def check(config: Path, environ: dict[str, str]) -> str:
    """Run `headrace check` on a configuration and return its output, which must report no fault."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    command = (_PROGRAM, "--config", config, "check")
    done = subprocess.run(
        command,
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        cwd=config.parent,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_seconds(duration: str) -> int:
    """Read a duration of Compose, such as 30s or 1m30s."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))
