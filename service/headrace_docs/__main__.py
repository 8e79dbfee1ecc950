"""`python -m headrace_docs`: build the site into build/docs. A warning or a broken link is an error."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from headrace_docs.assemble import TOP, assemble
from headrace_docs.built_site import faults

SOURCES: Final = TOP / "build/docs-sources"
SITE: Final = TOP / "build/docs"


def build(sources: Path, site: Path) -> list[str]:
    """Assemble the sources in one folder, build the site in another, and return what is wrong with it.

    What was built before stays where the generator fails.
    """
    assemble(sources)
    command = (sys.executable, "-m", "zensical", "build", "--strict", "-f", str(sources / "zensical.toml"))
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  (our own)
    if done.returncode:
        return [done.stdout + done.stderr]
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(sources / "site", site)
    return [*faults(site)]


def main() -> None:
    """Build the site, and say where it is."""
    if found := build(SOURCES, SITE):
        sys.exit("\n".join(found))
    sys.stdout.write(f"{SITE}/index.html\n")


if __name__ == "__main__":
    main()
