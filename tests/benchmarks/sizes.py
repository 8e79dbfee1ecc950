"""How much a run does: enough for figures that count, or only enough to see that it runs."""

from typing import Final

from msgspec import Struct


class Sizes(Struct, frozen=True, kw_only=True):
    """Records, ids and rounds of each benchmark."""

    rounds: int
    decoded: int
    whole: int
    whole_partitions: int
    found: int
    """Raw records among which an id is looked for."""
    spread: int
    spread_partitions: int
    restored: int
    restored_singly: int
    """Ids that were committed one by one: each is a transaction, which takes a millisecond to write."""
    taken_over: int
    remembered: int
    decided: int
    delivered: int
    watched: float
    """Seconds that latency is measured for."""
    tenants: int
    """Tenants that the page shows."""
    polled: int
    windows: int
    """Short windows of a budget that are watched."""
    leads: int
    imported: int
    """Leads that come while so many are watched."""


FULL: Final = Sizes(
    rounds=5,
    decoded=2_000,
    whole=60_000,
    whole_partitions=12,
    found=1_000_000,
    spread=128_000,
    spread_partitions=64,
    restored=3_000_000,
    restored_singly=50_000,
    taken_over=1_000_000,
    remembered=10_000_000,
    decided=20_000,
    delivered=4_000,
    watched=30.0,
    tenants=1_000,
    polled=100_000,
    windows=12,
    leads=1_000_000,
    imported=100_000,
)
QUICK: Final = Sizes(
    rounds=1,
    decoded=50,
    whole=5_000,
    whole_partitions=2,
    found=3_000,
    spread=6_000,
    spread_partitions=4,
    restored=4_000,
    restored_singly=100,
    taken_over=4_000,
    remembered=20_000,
    decided=400,
    delivered=100,
    watched=2.0,
    tenants=20,
    polled=2_000,
    windows=2,
    leads=2_000,
    imported=500,
)
