"""What `make audit` writes: advisories are warnings, and so is that they could not be looked up."""

import importlib.util
import os
import subprocess
import sys
from typing import Any

from tests.deploy.files import TOP

SCRIPT = TOP / ".ci/audit.py"


def audit() -> Any:
    """Import the script, which is no package."""
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_advisory_is_named_with_what_mends_it() -> None:
    """A line for each, whatever many libraries there are; and one line where there is none."""
    sound = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
    hurt = {"name": "yarl", "version": "1.25.1", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.25.2"]}]}
    lines = audit().lines
    assert lines([sound, hurt], "") == ["warning: yarl 1.25.1: PYSEC-2026-1, mended in 1.25.2"]
    assert lines([sound], "") == ["no advisory on 1 libraries"]


def test_nobody_to_ask_is_no_failure() -> None:
    """Where the service cannot be reached the exit code is 0, and a dated line says that nothing was looked up."""
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), "http://127.0.0.1:9")
    command = (sys.executable, SCRIPT)
    done = subprocess.run(command, env=os.environ | nowhere, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    day, _, line = done.stdout.partition(" ")
    assert len(day) == len("2026-11-30")
    assert line.startswith("warning: advisories were not looked up: ")
