"""Outreach: 10,000 calls an hour, and one list of immutable events. A webhook names a record: the list is read."""

from typing import Final

import numpy as np

from headrace.poller.scheduler import Work
from headrace.providers.outreach.client import LIMITS
from headrace.providers.outreach.settings import EventsSettings
from headrace.providers.outreach.wire import FEED
from headrace.sdk.feed import Feed
from tests.staleness.load import Ints
from tests.staleness.model import Turn, Way, World
from tests.unit.test_scheduler import Named

OVERLAP: Final = 300.0
"""Seconds that every turn reads again, as `pager.py` has them. Reading the whole look-back is left out here."""


class Outreach:
    """The platform and its feed."""

    name: Final = "Outreach"
    limits: Final = LIMITS
    shares_ids: Final = False
    webhook_is_whole: Final = False
    history: Final = 0.0
    _own: Final = EventsSettings()

    def __init__(self) -> None:
        self._order: Ints | None = None
        self._read = 0.0

    def feeds(self, way: Way) -> list[Feed]:  # noqa: ARG002  (there is no other feed)
        """See Platform."""
        return [Named(FEED, every=self._own.every)]

    def nudge(self, lead: int) -> Work:  # noqa: ARG002  (as above)
        """See Platform."""
        return Work(FEED)

    def turn(self, world: World, work: Work, now: float) -> Turn:  # noqa: ARG002  (as above)
        """Read what was created since, and some minutes before."""
        if self._order is None:
            self._order = np.argsort(world.load.at)
        events = self._order
        first, last = (int(n) for n in np.searchsorted(world.load.at[events], (self._read - OVERLAP, now)))
        for page in range(first, max(last, first + 1), self._own.page_size):
            at = yield
            some = events[page : min(page + self._own.page_size, last)]
            world.bring(world.news(some, at), at)
        self._read = now
        return False
