"""Run every benchmark and print the table: `python -m tests.benchmarks --help`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import codec, decode, flat, latency, memory, polling, receiver, restore, whole
from tests.benchmarks.sizes import FULL, QUICK
from tests.benchmarks.table import Row, text
from tests.kafka.find import find

PURE = {"decode": decode.rows, "codec": codec.rows, "memory": memory.rows, "flat": flat.rows}
ON_KAFKA = {
    "whole": whole.rows,
    "spread": whole.spread_rows,
    "restore": restore.rows,
    "receiver": receiver.rows,
    "latency": latency.rows,
    "polling": polling.rows,
}


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Run what was asked for, print the table, and give its rows."""
    told = _parser().parse_args(arguments)
    sizes = QUICK if told.quick else FULL
    wanted = told.only or [*ON_KAFKA, *PURE]
    rows: list[Row] = []
    for name in (name for name in PURE if name in wanted):
        _say(f"… {name}")
        rows += PURE[name](sizes)
    on_kafka = [name for name in ON_KAFKA if name in wanted]
    if on_kafka:
        with _servers(told.servers) as servers:
            for name in on_kafka:
                _say(f"… {name}")
                rows += ON_KAFKA[name](sizes, servers)
    _say(f"\n{text(rows)}")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description="Ours beside the stripped-down limit.")
    parser.add_argument("--quick", action="store_true", help="just enough to see that it runs: no figure counts")
    parser.add_argument("--only", nargs="+", choices=[*ON_KAFKA, *PURE], metavar="NAME", help="some: %(choices)s")
    parser.add_argument("--servers", help="a running Kafka, instead of the first that tests would find")
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def _servers(given: str | None) -> Iterator[str]:
    """Give the Kafka asked for, or start the one that tests would use."""
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="headrace-benchmarks-", ignore_cleanup_errors=True) as home:
        found = find(Path(home))
        _say(str(found))
        if not found.broker.is_apache:
            _say("No figure comes from this broker: only Apache Kafka can judge what stands below.")
        found.broker.start()
        try:
            yield found.broker.bootstrap_servers
        finally:
            found.broker.close()


if __name__ == "__main__":
    main()
