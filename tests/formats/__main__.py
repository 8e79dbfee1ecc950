"""`python -m tests.formats`: write the golden files of today's version. Never for a version that is out."""

import tempfile
from pathlib import Path

from tests.formats import golden
from tests.formats.every import EVERY
from tests.formats.spooled import save, write_spool


def main() -> None:
    """Write them all."""
    for form in EVERY:
        golden.write(form)
    with tempfile.TemporaryDirectory() as home:
        write_spool(Path(home, "spool.db"))
        save(Path(home, "spool.db"))


if __name__ == "__main__":
    main()
