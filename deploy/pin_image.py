"""Write what the image is built from, with the hash of each file: `python deploy/pin_image.py` (needs an index).

`requirements-image.txt` holds the service's libraries and all that they need, `requirements-traces.txt` and
`requirements-msk.txt` what these extras need beside them, `requirements-build.txt` what builds the wheels, all in the
versions of `constraints.txt`. The hashes are those of the wheels for CPython 3.11 on the two platforms
that the image is built for. The files name no index: pip takes whichever is configured, and these bytes or none.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).parents[1]
MACHINES: Final = ("x86_64", "aarch64")
GLIBC: Final = ("2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34", "_2_36")
"""What the C library of python:3.11-slim (Debian 12 and newer) can run."""
HEAD: Final = """\
# Made by `make pins` from {source} and constraints.txt: these bytes or none.
"""


def hashes(requirements: Iterable[str], machine: str) -> dict[str, str]:
    """Return `name==version` of each package that pip would install on a machine, with the SHA-256 of its wheel."""
    platforms = (word for each in GLIBC for word in ("--platform", f"manylinux{each}_{machine}"))
    with tempfile.TemporaryDirectory() as target:
        command = (
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"),
            *("--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--target", target),
            *("-c", TOP / "constraints.txt", *platforms, *requirements),
        )
        report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603  (our own)
    found = {}
    for each in report["install"]:
        name = each["metadata"]["name"].lower().replace("_", "-").replace(".", "-")
        found[f"{name}=={each['metadata']['version']}"] = each["download_info"]["archive_info"]["hashes"]["sha256"]
    return found


def write(file: str, source: str, requirements: list[str], beside: Collection[str] = ()) -> Collection[str]:
    """Write one file of requirements, without the pins that stand `beside` it; return its pins.

    Those of all machines must be the same versions.
    """
    pins: dict[str, set[str]] = defaultdict(set)
    for machine in MACHINES:
        for pin, digest in hashes(requirements, machine).items():
            if pin not in beside:
                pins[pin].add(digest)
    lines = (" \\\n    ".join([pin, *(f"--hash=sha256:{each}" for each in sorted(pins[pin]))]) for pin in sorted(pins))
    (TOP / file).write_text(HEAD.format(source=source) + "".join(f"{line}\n" for line in lines))
    return pins


def main() -> None:
    """Write all of them."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))
    needed = [one for one in project["project"]["dependencies"] if not one.startswith("headrace-events")]
    image = write("requirements-image.txt", "the dependencies in pyproject.toml", needed)
    for extra in ("traces", "msk"):
        more = project["project"]["optional-dependencies"][extra]
        write(f"requirements-{extra}.txt", f"the extra {extra} in pyproject.toml", [*needed, *more], beside=image)
    write("requirements-build.txt", "what builds the wheels", project["build-system"]["requires"])


if __name__ == "__main__":
    main()
