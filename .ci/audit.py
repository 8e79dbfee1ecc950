"""Look for advisories on the libraries of the image: `make audit`. What is found is a warning, never a failure.

An advisory comes when somebody publishes it, not with a change of ours: it must not turn a good change away. The line
has a date, so that whoever reads an old log knows what was known when.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

REQUIREMENTS: Final = Path(__file__).parents[1] / "requirements-image.txt"
SECONDS: Final = 120.0
PIP_AUDIT: Final = (
    *(sys.executable, "-m", "pip_audit", "--requirement", str(REQUIREMENTS), "--disable-pip", "--require-hashes"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", "15"),
)


def look() -> tuple[list[dict[str, Any]], str]:
    """Return the libraries as pip-audit reports them, or why there is no report."""
    try:
        done = subprocess.run(PIP_AUDIT, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603  (our own)
    except subprocess.TimeoutExpired:
        return [], f"no answer within {SECONDS:.0f} s"
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except (ValueError, KeyError):
        return [], (done.stderr.strip().splitlines() or ["pip-audit reports nothing"])[-1]


def lines(found: list[dict[str, Any]], why: str) -> list[str]:
    """Return what there is to say."""
    if why:
        return [f"warning: advisories were not looked up: {why}"]
    warnings = [
        f"warning: {each['name']} {each['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'none'}"
        for each in found
        for one in each.get("vulns", ())
    ]
    return warnings or [f"no advisory on {len(found)} libraries"]


if __name__ == "__main__":
    for line in lines(*look()):
        sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%d} {line}\n")
