"""All promises at once: platforms that are polled and deliver webhooks of the same, behind a broken network.

Two processes with all roles on three brokers. `HEADRACE_WHOLE_ROUNDS` says how many faults (2), `HEADRACE_NETWORK_SEED`
repeats the choices of a run, `HEADRACE_NETWORK_FAULTS` names the only ones to choose from, with commas between. Each
kind comes once before any comes again.
"""

import os
import random
import statistics
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.cluster_pipeline import ClusterPipeline
from tests.acceptance.network_faults import FAULTS, SESSION_SECONDS
from tests.acceptance.polled_accounts import PolledAccounts
from tests.acceptance.whole_service import WholeRound, WholeService
from tests.integration.child_process import ALL
from tests.kafka.cluster import Cluster
from tests.results import ShowResult

ROUNDS: Final = int(os.environ.get("HEADRACE_WHOLE_ROUNDS", "2"))
SEED: Final = int(os.environ.get("HEADRACE_NETWORK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
CHOSEN: Final = [name for name in os.environ.get("HEADRACE_NETWORK_FAULTS", "").split(",") if name] or list(FAULTS)
PARTITIONS: Final = 6
EVENTS_OF_A_ROUND: Final = 60
"""Of each platform."""

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(240 + 300 * ROUNDS)]


async def test_all_promises_hold_behind_a_broken_network(
    cluster: Cluster, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], show_result: ShowResult
) -> None:
    """Whatever happens, each version that a platform shows comes out once, within a minute after the end of it."""
    accounts, rounds = PolledAccounts(SEED, EVENTS_OF_A_ROUND * ROUNDS), list[WholeRound]()
    kinds = random.Random(SEED).sample(CHOSEN, len(CHOSEN))
    async with accounts.open():
        tenants, session = accounts.tenants, f"{SESSION_SECONDS}s"
        pipeline = ClusterPipeline(cluster, prefix, PARTITIONS, tmp_path, session, tenants=tenants, roles=ALL)
        try:
            service = WholeService(pipeline, accounts)
            await service.open()
            for number in range(ROUNDS):
                rounds.append(await service.round(kinds[number % len(kinds)], SEED + number, 1 / (ROUNDS - number)))
                with capsys.disabled():
                    print(f"\nround {number + 1}: {rounds[-1]}", end="", flush=True)  # noqa: T201  (what a reader of the run wants)
            wrong = await service.close()
        finally:
            pipeline.fleet.kill_all()
    seconds, bad = [done.recovered for done in rounds], [done.fault for done in rounds if done.wrong]
    show_result(
        f"whole service behind a broken network: {ROUNDS} rounds, {accounts.acknowledged} webhooks acknowledged, "
        f"{len(bad)} wrong, recovered after {statistics.median(seconds):.1f} s (median), {max(seconds):.1f} s (longest)"
    )
    assert not bad, f"seed {SEED}"
    assert not wrong, f"at the end, seed {SEED}"
