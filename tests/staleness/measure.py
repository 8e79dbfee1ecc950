"""Plays the ways of all platforms, and measures one virtual day of each after a warm-up."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from headrace.providers.leadsquared.client import LIMITS as PLAN
from headrace.sdk.limits import CallLimits
from tests.staleness.leadping import LeadPing
from tests.staleness.leadsquared import LeadSquared
from tests.staleness.load import DAY, Floats, a_load
from tests.staleness.model import Model, Platform, Waits, Way
from tests.staleness.outreach import Outreach

LEADS: Final = 100_000
EVENTS_A_DAY: Final = 121_000
SEED: Final = 20_261_129
SWEEP: Final = Way("sweep only", discovery=False)
DISCOVERY: Final = Way("discovery")
WEBHOOKS: Final = Way("discovery and webhooks", webhooks=True)
SEEDS_PLAN: Final = CallLimits(per_window=25, window=5.0)
"""The limit that LeadSquared's seed document has: no limit by the day."""


class Scene(NamedTuple):
    """One platform read in one way: `warm_up` and `tail` are in days, before and after the measured one."""

    platform: Callable[[], Platform]
    way: Way
    warm_up: float = 0.5
    tail: float = 0.5


class Result(NamedTuple):
    """What one way yields: staleness in seconds of each event of the day, those that never came counted to the end."""

    platform: str
    way: str
    staleness: Floats
    missing: int
    calls: dict[str, int]
    waits: Waits

    @property
    def calls_an_event(self) -> float:
        """Return how many calls of that day there were for each of its events."""
        return sum(self.calls.values()) / len(self.staleness)


def _plan() -> Platform:
    return LeadSquared(PLAN)


def _one_list() -> Platform:
    return LeadSquared(PLAN, one_list=True)


def _seeds_plan() -> Platform:
    return LeadSquared(SEEDS_PLAN)


SCENES: Final = (
    *(Scene(LeadPing, way) for way in (SWEEP, DISCOVERY, WEBHOOKS)),
    Scene(_plan, SWEEP, warm_up=13, tail=14),
    *(Scene(_plan, way) for way in (DISCOVERY, WEBHOOKS)),
    *(Scene(_one_list, way) for way in (DISCOVERY, WEBHOOKS)),
    *(Scene(_seeds_plan, way) for way in (SWEEP, DISCOVERY, WEBHOOKS)),
    *(Scene(Outreach, way, tail=0.1) for way in (DISCOVERY, WEBHOOKS)),
)


def played(scene: Scene, *, seed: int, leads: int = LEADS, events_a_day: int = EVENTS_A_DAY) -> Result:
    """Play one scene."""
    platform = scene.platform()
    first, last = scene.warm_up * DAY, (scene.warm_up + 1) * DAY
    end = last + scene.tail * DAY
    load = a_load(seed, leads=leads, events_a_day=events_a_day, begin=-platform.history, end=end)
    model = Model(platform, scene.way, load, seed=seed)
    model.play(first)
    model.measure()
    model.play(last)
    waits, calls = model.waits(), dict(model.calls)
    that_day = (load.at >= first) & (load.at < last)
    model.play(end, done=lambda: bool(np.isfinite(model.brought[that_day]).all()))
    brought = model.brought[that_day]
    return Result(
        platform.name,
        scene.way.name,
        np.minimum(brought, model.now) - load.at[that_day],
        int(np.isinf(brought).sum()),
        calls,
        waits,
    )


def all_played(*, seed: int, leads: int = LEADS, events_a_day: int = EVENTS_A_DAY) -> Iterator[Result]:
    """Play all scenes."""
    for scene in SCENES:
        yield played(scene, seed=seed, leads=leads, events_a_day=events_a_day)
