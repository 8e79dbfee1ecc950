"""What the modelled feeds have in common: the events of a lead, and bringing what is new."""

from collections.abc import Generator

from tests.staleness.load import Ints
from tests.staleness.model import World


def of_lead(world: World, lead: int) -> Ints:
    """Return the events of a lead."""
    load = world.load
    return load.by_lead[load.lead_at[lead] : load.lead_at[lead + 1]]


def hydrated(world: World, events: Ints, at: float) -> Generator[None, float, int]:
    """Bring what is new at once, but what needs calls of its own after these; return how many those were."""
    news = world.news(events, at)
    rows = world.load.row[news]
    calls = world.load.calls[rows]
    world.bring(news[calls == 0], at)
    made = 0
    for row in dict.fromkeys(rows[calls > 0].tolist()):
        for _ in range(int(world.load.calls[row])):
            at = yield
            made += 1
        world.bring(news[rows == row], at)
    return made
