"""The promises behind a broken network: one fault after another on three brokers; nothing is lost, doubled or stuck.

`HEADRACE_NETWORK_ROUNDS` says how many faults (3), `HEADRACE_NETWORK_SEED` repeats the choices of a run,
`HEADRACE_NETWORK_FAULTS` names the only ones to choose from, with commas between. Each kind comes once before any comes
again. Two normalizers work under a load that a client of its own appends to raw; the judge is another client, too.
After ten rounds, or one that went wrong, everything begins anew under another prefix.
"""

import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.cluster_pipeline import ClusterPipeline
from tests.acceptance.judge import Verdict
from tests.acceptance.network_faults import FAULTS, SESSION_SECONDS
from tests.acceptance.network_round import Player, Round
from tests.kafka.cluster import Cluster
from tests.results import ShowResult

ROUNDS: Final = int(os.environ.get("HEADRACE_NETWORK_ROUNDS", "3"))
SEED: Final = int(os.environ.get("HEADRACE_NETWORK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
CHOSEN: Final = [name for name in os.environ.get("HEADRACE_NETWORK_FAULTS", "").split(",") if name] or list(FAULTS)
PARTITIONS: Final = 6
ROUNDS_OF_A_PIPELINE: Final = 10

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(180 + 300 * ROUNDS)]


async def test_promises_2_3_and_8_hold_behind_a_broken_network(
    cluster: Cluster, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], show_result: ShowResult
) -> None:
    """Whatever happens between brokers and processes, each version comes out once and work goes on within a minute."""
    began = time.monotonic()
    rounds: list[Round] = []
    judged: list[Verdict] = []
    player: Player | None = None
    with ExitStack() as stack:
        for number, kind in zip(range(1, ROUNDS + 1), _kinds(random.Random(SEED)), strict=False):
            if player is None:
                home = tmp_path / str(number)
                pipeline = ClusterPipeline(cluster, f"{prefix}{number}.", PARTITIONS, home, f"{SESSION_SECONDS}s")
                stack.callback(pipeline.fleet.kill_all)
                player = Player(pipeline, SEED + number)
                await player.open()
            done = Round(number, kind, SEED + number)
            await player.round(done)
            if done.wrong or player.rounds == ROUNDS_OF_A_PIPELINE or number == ROUNDS:
                await player.close(done)
                judged += [done.verdict] if done.verdict else []
                player = None
            rounds.append(done)
            with capsys.disabled():
                print(f"\n{done}", end="", flush=True)  # noqa: T201  (it is what a reader of the run wants)
    show_result(f"{_result(rounds, judged)}, {time.monotonic() - began:.0f} s in all, seed {SEED}")
    assert {done.number: done.wrong for done in rounds if done.wrong} == {}, f"seed {SEED}"


def _kinds(dice: random.Random) -> Iterator[str]:
    """Yield kinds of faults, each once before any comes again."""
    while True:
        yield from dice.sample(CHOSEN, len(CHOSEN))


def _result(rounds: Sequence[Round], judged: Sequence[Verdict]) -> str:
    seconds = [done.recovered for done in rounds]
    raw, events = sum(verdict.raw for verdict in judged), sum(verdict.events for verdict in judged)
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(done.fault for done in rounds).items())
    wrong = Counter(kind for done in rounds for kind, found in done.wrong.items() for _ in found)
    what = ", ".join(f"{count} {kind}" for kind, count in wrong.items()) or "nothing"
    return (
        f"broken network: {len(rounds)} rounds ({kinds}), {raw} raw records and {events} events judged, {what} wrong, "
        f"recovered after {statistics.median(seconds):.1f} s (median), {max(seconds):.1f} s (longest)"
    )
