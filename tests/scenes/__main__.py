"""Play the scenes and print one table: `python -m tests.scenes --help`.

`--python` names the interpreter of another environment that the service is installed in, an older version for one;
simulators and judge are those of this tree.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.kafka.find import find
from tests.scenes.plays import Plays
from tests.scenes.report import row, table
from tests.scenes.scene import TROUBLES

_PLAYS = {"troubles": Plays.troubles, "wrong_urls": Plays.wrong_urls, "kills": Plays.kills}

_TROUBLES = sorted({scene.name for scene in TROUBLES})


def main() -> None:
    """Play what is asked for."""
    options = _parser().parse_args()
    home = Path(options.home or tempfile.mkdtemp(prefix="headrace-scenes-"))
    home.mkdir(parents=True, exist_ok=True)
    found = find(home)
    _say(f"{found}; logs in {home}; seed {options.seed}; service of {options.python}")
    found.broker.start()
    rows = []
    try:
        plays = Plays(found.broker.bootstrap_servers, home, options.python, options.seed, options.trouble)
        for name in options.only or _PLAYS:
            _say(f"… {name}")
            rows += [row(account) for account in asyncio.run(_PLAYS[name](plays))]
            _say(table(rows))
    finally:
        found.broker.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.scenes", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=_PLAYS, metavar="NAME", help="some: %(choices)s")
    parser.add_argument(
        "--trouble",
        nargs="+",
        choices=_TROUBLES,
        default=_TROUBLES,
        metavar="NAME",
        help="some of the first play: %(choices)s",
    )
    parser.add_argument("--python", default=sys.executable, help="default: this one")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6))
    parser.add_argument("--home", help="where logs go; default: a new directory")
    return parser


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
