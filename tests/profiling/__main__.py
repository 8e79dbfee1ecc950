"""Sample the roles, print where their time goes, and write it down: `python -m tests.profiling --help`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from tests.benchmarks.__main__ import running_kafka
from tests.profiling.page import FOLDER, write
from tests.profiling.roles import FULL, QUICK, ROLES, Sampled


def main(arguments: Sequence[str] | None = None) -> None:
    """Sample the chosen roles; the page is written only where all of them were, with figures that count."""
    parser = argparse.ArgumentParser(prog="tests.profiling", description="Where the CPU time of each role goes.")
    parser.add_argument("--only", nargs="+", choices=list(ROLES), metavar="ROLE", help="some: %(choices)s")
    parser.add_argument("--quick", action="store_true", help="only to see that it runs: the figures mean nothing")
    parser.add_argument("--servers", help="address of a running Kafka; default: the one that tests would use")
    parser.add_argument("--native", action="store_true", help="C functions as well, the garbage collector among them")
    parser.add_argument("--into", type=Path, help="where the page and the graphs go; default: beside the benchmarks")
    options = parser.parse_args(arguments)
    load = replace(QUICK if options.quick else FULL, native=options.native)
    found: dict[str, Sampled] = {}
    with running_kafka(options.servers) as servers, tempfile.TemporaryDirectory(prefix="headrace-profile-") as home:
        for role in options.only or ROLES:
            sys.stdout.write(f"… {role}\n")
            sys.stdout.flush()
            found[role] = ROLES[role](load, servers, Path(home))
    whole = not options.only and not options.quick
    into = options.into or (FOLDER if whole else Path(tempfile.mkdtemp(prefix="headrace-profile-")))
    into.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"{write(found, into)}\nWritten to {into}\n")


if __name__ == "__main__":
    main()
