"""All feeds of an account and its webhooks, while it moves on between any two calls: one event a version."""

from random import Random
from typing import Any

import pytest

from headrace_demo.simulators import leadsquared
from tests.providers.test_while_it_moves import play, simulator_of

FEEDS = ("activities-by-code", "modified-leads", "lead-activities")


@pytest.mark.parametrize("all_codes", ["served", "absent", "broken"])
@pytest.mark.parametrize("seed", [0, 12])
async def test_what_several_feeds_and_webhooks_bring_is_one_event_a_version(seed: int, all_codes: Any) -> None:
    """Every activity is there, no version twice, and the last one last."""
    simulator, dice = simulator_of("leadsquared", seed), Random(seed)
    assert isinstance(simulator, leadsquared.Simulator)
    simulator.conduct.all_codes = all_codes
    simulator.conduct.system_codes = dice.choice(["empty", "refused", "served"])
    assert await play(simulator, dice, *FEEDS) == []
