"""`python -m tests.soak soak|overload`: play it, print the page, exit with 1 where anything broke."""

import argparse
import asyncio
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Final

from tests.kafka.broker import Unavailable
from tests.soak import polled, report
from tests.soak.overload import BACKGROUND, overload
from tests.soak.report import Outcome
from tests.soak.rig import Unfit, check, open_rig
from tests.soak.soak import soak

BUILD: Final = Path("build/soak")
_DESCRIPTORS: Final = min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
"""A sender in flood has a connection to each receiver for each delivery that may be on its way."""


def main() -> int:
    """Run; return the exit code."""
    options = _parser().parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 10**6)
    signal.signal(signal.SIGTERM, _interrupt)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS)
    )  # of all that is started, as containers have
    home = (BUILD / str(seed)).absolute()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    outcome = Outcome(f"{options.play.capitalize()} of {options.minutes:g} minutes", seed)
    try:
        check(home.parent, options.minutes * 60 * options.rate)
        asyncio.run(_play(options, home, outcome))
    except (Unfit, Unavailable) as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (what was seen until then is the result)
        outcome.note("broken off", [f"{type(error).__name__}: {error}"])
    outcome.note_vitals(flat=options.play == "soak")
    text = report.page(outcome)
    file = BUILD / f"{options.play}-{seed}.md"
    file.write_text(text)
    sys.stdout.write(f"\n{text}\n{file}\n" + (f"logs: {home}\n" if outcome.wrong else ""))
    return 1 if outcome.wrong else 0


async def _play(options: argparse.Namespace, home: Path, outcome: Outcome) -> None:
    rate = options.rate if options.play == "soak" else BACKGROUND
    start = int(time.time()) + 1
    span = polled.Span(outcome.seed, rate, start, options.minutes * 60)
    rig = None
    try:
        async with open_rig(home, span) as rig:
            if options.play == "soak":
                await soak(rig, outcome, options.kill_every)
            else:
                await overload(rig, outcome, options.minutes * 60)
    finally:
        if rig is not None:
            rig.clear(logs=not outcome.wrong and sys.exc_info()[0] is None)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("play", choices=("soak", "overload"))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="events a second, of soak")
    parser.add_argument("--seed", type=int, default=0, help="repeats the choices of a run; default: a random one")
    parser.add_argument("--kill-every", type=float, default=60.0, help="seconds between two kills, on the average")
    return parser


if __name__ == "__main__":
    sys.exit(main())
