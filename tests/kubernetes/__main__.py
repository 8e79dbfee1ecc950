"""Try deploy/ on a real control plane: `python -m tests.kubernetes --help`.

Each line is "ok" or "not ok", what should be true, what was seen, and seconds; the exit code is 1 where one is not ok.
"""

import argparse
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import NoReturn

from tests.kubernetes import made, side_by_side
from tests.kubernetes.cluster import RefusedError, running
from tests.kubernetes.taken import Step, Taken


def main() -> None:
    """Build what is needed, start the control plane, take each step."""
    parser = argparse.ArgumentParser(prog="tests.kubernetes", description=__doc__)
    parser.add_argument("--build", action="store_true", help="build the control plane, and start nothing")
    parser.add_argument("--only", default="", metavar="REGEX", help="the steps whose sentence has this in it")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    made.check_needed()
    began = time.monotonic()
    _show(f"{made.control_plane()}: {time.monotonic() - began:.0f} s")
    if options.build:
        return
    with tempfile.TemporaryDirectory(prefix="headrace-kubernetes-") as folder, running(Path(folder)) as cluster:
        _show(cluster.kubectl("version").strip().replace("\n", ", "))
        taken = Taken(cluster, Path(folder))
        _show(f"ok: the kinds of others are defined ({taken.define()})")
        steps = chain(taken.steps(), side_by_side.steps(cluster, Path(folder), taken))
        failed = _take(step for step in steps if re.search(options.only, step[0]))
    sys.exit(1 if failed else 0)


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
    _show(f"{failed} not ok")
    return failed


def _end(*_: object) -> NoReturn:
    """End in good order: what runs is ended too."""
    sys.exit(143)


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
