"""Upgrade an older checkout to this one under load, and go back: `make upgrade OLD=<tag or commit>`."""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.acceptance.polled_accounts import PolledAccounts
from tests.kafka.find import find
from tests.upgrade.rollout import Rollout

_EVENTS = 300
"""At each of three platforms, one half of them while the service is upgraded."""


async def play(servers: str, home: Path, old: str, seed: int) -> int:
    """Upgrade, go back, judge; return the exit code."""
    accounts = PolledAccounts(seed, _EVENTS)
    async with accounts.open():
        rollout = Rollout(servers, f"upgrade-{seed}.", home, accounts, seed)
        try:
            await rollout.start(old)
            await rollout.change("upgrade", (old, sys.executable), 0.5, back=False)
            await rollout.change("rollback", (sys.executable, old), 1.0, back=True)
            verdict = await rollout.close()
        finally:
            rollout.kill()
    _show(verdict)
    for line in rollout.wrong:
        _show(f"WRONG: {line}")
    return 1 if rollout.wrong else 0


def main() -> int:
    """Find a Kafka, play, and print what came of it."""
    parser = argparse.ArgumentParser(prog="tests.upgrade", description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="a checkout with an environment in .venv")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6))
    options = parser.parse_args()
    old = options.old.absolute()
    with tempfile.TemporaryDirectory(prefix="headrace-upgrade-") as name:
        home = Path(name)
        found = find(home, "jvm")
        _show(f"from {old.name} and back; {found.broker.name}; seed {options.seed}")
        found.broker.start()
        try:
            return asyncio.run(play(found.broker.bootstrap_servers, home, str(old / ".venv/bin/python"), options.seed))
        finally:
            found.broker.close()


def _show(line: str) -> None:
    print(line, flush=True)  # noqa: T201  (what whoever runs it wants to see)


if __name__ == "__main__":
    sys.exit(main())
