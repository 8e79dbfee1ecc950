"""Memory of one remembered id, in a fresh process; run as a module, it is that process."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from headrace.normalizer.mark_table import MarkTable
from headrace.records.mark import ROW
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, at_most

TARGET_BYTES = 100
TOGETHER = 2_000


class Used(Struct):
    """Bytes: of the columns, of the process when all is remembered, and at its highest."""

    columns: int
    resident: int
    highest: int


def rows(sizes: Sizes) -> Iterator[Row]:
    """Compare what an id takes with the target."""
    command = (sys.executable, "-m", "tests.benchmarks.memory", str(sizes.remembered))
    used = msgspec.json.decode(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, type=Used)
    millions = f"{sizes.remembered / 1e6:g} million ids"
    yield at_most(f"memory an id, {millions}, resident", used.resident / sizes.remembered, TARGET_BYTES, "bytes")
    yield Row("  the columns alone", f"{used.columns / sizes.remembered:.1f} bytes", "")
    yield Row("  at its highest, while the table grows", f"{used.highest / sizes.remembered:.1f} bytes", "")


def remember(marks: MarkTable, count: int, rng: np.random.Generator) -> None:
    """Put `count` marks of new ids, as commits would."""
    for first in range(0, count, TOGETHER):
        marks.put(random_rows(min(TOGETHER, count - first), rng))


def random_rows(count: int, rng: np.random.Generator) -> NDArray[Any]:
    """Return marks of random ids."""
    rows = np.zeros(count, ROW)
    for half in ("lo", "hi", "meaning"):
        rows[half] = rng.integers(1, 2**64, count, np.uint64, endpoint=False)
    rows["version"], rows["at"], rows["count"] = 1_795_250_000, 1_795_250_000, 1
    return rows


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _main(count: int) -> Used:
    rng = np.random.default_rng(1)
    remember(MarkTable(), TOGETHER, rng)  # what numpy loads at first use is not measured
    before = resident()
    marks = MarkTable()
    remember(marks, count, rng)
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Used(marks.nbytes, resident() - before, highest - before)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(_main(int(sys.argv[1]))))
