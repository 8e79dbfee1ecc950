"""Run every benchmark and print the table: `python -m tests.benchmarks --help`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import (
    codec,
    console,
    decode,
    find as finding,
    flat,
    latency,
    leads,
    memory,
    polling,
    processes,
    receiver,
    restore,
    trace,
    whole,
)
from tests.benchmarks.sizes import FULL, QUICK
from tests.benchmarks.table import Row, text
from tests.kafka.find import find

PURE = {
    "decode": decode.rows,
    "codec": codec.rows,
    "memory": memory.rows,
    "leads": leads.memory_rows,
    "flat": flat.rows,
}
ON_KAFKA = {
    "whole": whole.rows,
    "spread": whole.spread_rows,
    "processes": processes.rows,
    "restore": restore.rows,
    "find": finding.rows,
    "receiver": receiver.rows,
    "latency": latency.rows,
    "trace": trace.rows,
    "polling": polling.rows,
    "console": console.rows,
    "loop": leads.loop_rows,
}


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Run the chosen benchmarks, print the table, and return its rows."""
    options = _parser().parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    wanted = options.only or [*ON_KAFKA, *PURE]
    rows: list[Row] = []
    for name in (name for name in PURE if name in wanted):
        _say(f"… {name}")
        rows += PURE[name](sizes)
    on_kafka = [name for name in ON_KAFKA if name in wanted]
    if on_kafka:
        with running_kafka(options.servers) as servers:
            for name in on_kafka:
                _say(f"… {name}")
                rows += ON_KAFKA[name](sizes, servers)
    _say(f"\n{text(rows)}")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description="The service against a baseline or a target.")
    parser.add_argument("--quick", action="store_true", help="only to see that it runs: the figures mean nothing")
    parser.add_argument("--only", nargs="+", choices=[*ON_KAFKA, *PURE], metavar="NAME", help="some: %(choices)s")
    parser.add_argument("--servers", help="address of a running Kafka; default: the one that tests would use")
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def running_kafka(chosen: str | None) -> Iterator[str]:
    """Yield the chosen Kafka, or start the one that tests would use."""
    if chosen:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="headrace-benchmarks-", ignore_cleanup_errors=True) as home:
        found = find(Path(home))
        _say(str(found))
        if not found.broker.is_apache:
            _say("The figures below do not count: this broker is not Apache Kafka.")
        found.broker.start()
        try:
            yield found.broker.bootstrap_servers
        finally:
            found.broker.close()


if __name__ == "__main__":
    main()
