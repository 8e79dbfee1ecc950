"""`python -m headrace_docs`: build the site into build/docs. A warning of the generator, or a broken link, is an error."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from headrace_docs.assemble import TOP, assemble
from headrace_docs.built_site import faults

SOURCES: Final = TOP / "build/docs-sources"
SITE: Final = TOP / "build/docs"


def build() -> list[str]:
    """Build the site, and return what is wrong with it."""
    assemble(SOURCES)
    command = (sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", str(SOURCES / "zensical.toml"))
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  (our own)
    if done.returncode:
        return [done.stdout + done.stderr]
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(SOURCES / "site", SITE)
    return [*faults(SITE)]


def main(site: Path = SITE) -> None:
    """Build the site, and say where it is."""
    if found := build():
        sys.exit("\n".join(found))
    sys.stdout.write(f"{site}/index.html\n")


if __name__ == "__main__":
    main()
