"""`python -m tests.staleness`: play the model, write its table into the README beside this, and the plot."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.staleness.measure import EVENTS_A_DAY, LEADS, SEED, all_played
from tests.staleness.plot import plot
from tests.staleness.table import table

_FOLDER: Final = Path(__file__).parent
BEGIN: Final = "<!-- table -->\n"
END: Final = "<!-- end of table -->\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Play all scenes; the README and the plot are written only for the sizes that they are about."""
    options = _parser().parse_args(arguments)
    _show(f"seed {options.seed}, {options.leads:,} leads, {options.events:,} events a day")
    results = []
    began = time.monotonic()
    for result in all_played(seed=options.seed, leads=options.leads, events_a_day=options.events):
        results.append(result)
        _show(f"… {result.platform}, {result.way}: {time.monotonic() - began:.0f} s")
    _show(f"\n{table(results)}")
    if not options.dry:
        note = f"{options.leads:,} leads, {options.events:,} events a day, seed {options.seed}"
        page = (_FOLDER / "README.md").read_text()
        before, _, rest = page.partition(BEGIN)
        (_FOLDER / "README.md").write_text(f"{before}{BEGIN}\n{table(results)}\n\n{END}{rest.partition(END)[2]}")
        plot(results, _FOLDER / "staleness.png", note=note)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.staleness", description="How stale events are, on a virtual clock.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--leads", type=int, default=LEADS)
    parser.add_argument("--events", type=int, default=EVENTS_A_DAY, help="a day")
    parser.add_argument("--dry", action="store_true", help="print the table alone")
    return parser


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


main()
