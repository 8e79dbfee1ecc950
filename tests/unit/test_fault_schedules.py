"""After any finite outage everything is read, no lead is lost, no quota is broken, and nothing was `ok` meanwhile."""

import os

from tests.unit.fault_model import Round, rounds

ROUNDS = int(os.environ.get("HEADRACE_FAULT_ROUNDS", "300"))
"""Some 25 a second: thousands in minutes where somebody wants them."""
FIRST_SEED = int(os.environ.get("HEADRACE_FAULT_SEED", "0"))


def test_seeded_rounds_of_outages_restarts_and_nudges() -> None:
    """A wrong one is played again by its seed: HEADRACE_FAULT_SEED=17 HEADRACE_FAULT_ROUNDS=1."""
    assert rounds(FIRST_SEED, ROUNDS) == {}


def test_most_rounds_have_time_to_recover() -> None:
    """Else they would prove nothing."""
    played = [Round(seed) for seed in range(100)]
    assert sum(each.recovers() < each.end for each in played) > 55
    assert sum(len(each.outages) > 0 for each in played) > 60
