"""Try deploy/ on a real control plane: `python -m tests.kubernetes --help`.

Each line is "ok" or "not ok", what should be true, what was seen, and seconds; the exit code is 1 where one is not ok.
"""

import argparse
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final, NoReturn

from tests.kubernetes import made, side_by_side
from tests.kubernetes.cluster import Cluster, RefusedError, running
from tests.kubernetes.life import Life
from tests.kubernetes.taken import Step, Taken

_PARTS: Final = ("taken", "life")
"""What an API server takes by itself; what controllers and nodes make of it."""


def main() -> None:
    """Build what is needed, then take the steps of each part on a control plane of its own."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _end)
    made.check_needed()
    for build in (made.control_plane, made.kwok):
        began = time.monotonic()
        _show(f"{build().name} is built ({time.monotonic() - began:.0f} s)")
    failed = 0
    for part in () if options.build else options.parts:
        with tempfile.TemporaryDirectory(prefix="headrace-kubernetes-") as folder, running(Path(folder)) as cluster:
            failed += _take(_steps(part, cluster, Path(folder), options.only))
    _show(f"{failed} not ok")
    sys.exit(1 if failed else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.kubernetes", description=__doc__)
    parser.add_argument("--build", action="store_true", help="build the programs, and start nothing")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="default: %(default)s")
    parser.add_argument("--only", default="", metavar="REGEX", help="of `taken`, the steps that have this in them")
    return parser


def _steps(part: str, cluster: Cluster, home: Path, only: str) -> Iterator[Step]:
    """Yield the steps of a part, on a cluster that has what they need."""
    _show(cluster.kubectl("version").strip().replace("\n", ", "))
    taken = Taken(cluster, home)
    if part == "life":
        cluster.start_controllers()
        yield from Life(cluster, taken).steps()
        return
    yield "the kinds of others are defined", taken.define
    for step in chain(taken.steps(), side_by_side.steps(cluster, home, taken)):
        if re.search(only, step[0]):
            yield step


def _take(steps: Iterable[Step]) -> int:
    """Take each step and print what came of it; return how many failed."""
    failed = 0
    for sentence, find_out in steps:
        began = time.monotonic()
        try:
            result, seen = "ok", find_out()
        except RefusedError as refused:
            result, seen = "not ok", str(refused)
            failed += 1
        _show(f"{result}: {sentence} ({seen}; {time.monotonic() - began:.1f} s)")
    return failed


def _end(*_: object) -> NoReturn:
    """End in good order: what runs is ended too."""
    sys.exit(143)


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
