"""LeadSquared: some calls in 5 s, and by most plans some thousands a day. Its lists say when rows changed.

Which stream a turn reads is the feed's own schedule (`stream_schedule.py`). A webhook brings a whole row.
"""

from typing import Final

import numpy as np

from headrace.poller.scheduler import Work
from headrace.providers.leadsquared.recent_leads import RecentLeads
from headrace.providers.leadsquared.settings import (
    ActivitiesByCodeSettings,
    LeadActivitiesSettings,
    ModifiedLeadsSettings,
)
from headrace.providers.leadsquared.stream import StreamState
from headrace.providers.leadsquared.stream_schedule import StreamSchedule
from headrace.providers.leadsquared.wire import BY_CODE, FEED, LEADS
from headrace.sdk.feed import Feed
from headrace.sdk.limits import CallLimits
from tests.staleness.load import CODES, Ints
from tests.staleness.model import EPOCH, Turn, Way, World
from tests.staleness.reading import of_lead
from tests.unit.test_scheduler import Named

OVERLAP: Final = 300.0
"""Seconds that every reading of a stream reads again, as `stream.py` has them."""


class LeadSquared:
    """The platform and the feeds of one account; `one_list`: it has RetrieveRecentlyModified, one list of all codes."""

    shares_ids: Final = True
    webhook_is_whole: Final = True
    history: Final = 0.0
    _by_lead: Final = LeadActivitiesSettings()
    _by_code: Final = ActivitiesByCodeSettings()
    _leads: Final = ModifiedLeadsSettings()

    def __init__(self, limits: CallLimits, *, one_list: bool = False) -> None:
        a_day = f", {limits.per_day:,} a day" if limits.per_day else ""
        lists = ", one list" if one_list else ""
        self.name: Final = f"LeadSquared, {limits.per_window} calls in {limits.window:.0f} s{a_day}{lists}"
        self.limits: Final = limits
        self._one_list: Final = one_list
        self._streams: dict[str, Ints] = {}
        self._states: Final = {str(code): StreamState() for code in range(1 if one_list else CODES)}
        self._schedule: Final = StreamSchedule(self._states, self._by_code.every * 1000)
        self._turned = 0
        self._oldest = False
        self._recent: Final = RecentLeads()
        self._changed = 0.0
        self._read_at: Final[dict[int, float]] = {}

    def feeds(self, way: Way) -> list[Feed]:
        """See Platform."""
        tenant = ((BY_CODE, self._by_code.every), (LEADS, self._leads.every)) if way.discovery else ()
        return [
            *(Named(name, every=every) for name, every in tenant),
            Named(FEED, by_lead=True, every=self._by_lead.every),
        ]

    def nudge(self, lead: int) -> Work:
        """See Platform."""
        return Work(FEED, str(lead))

    def turn(self, world: World, work: Work, now: float) -> Turn:
        """See Platform."""
        if work.lead is not None:
            return self._lead(world, int(work.lead), now)
        return self._stream(world, now) if work.feed == BY_CODE else self._modified(world, now)

    def _lead(self, world: World, lead: int, now: float) -> Turn:
        at = yield
        world.bring(world.news(of_lead(world, lead), at), at)
        self._read_at[lead] = now
        return False

    def _modified(self, world: World, now: float) -> Turn:
        """Wake the leads that changed, unless the one list brought their change or they were read since."""
        events = self._all(world)
        first, last = np.searchsorted(world.load.at[events], (self._changed - self._leads.look_back, now))
        changed: dict[int, float] = {}
        for event in events[first:last].tolist():
            changed[int(world.load.lead[world.load.row[event]])] = float(world.load.at[event])
        for _ in range(1 + len(changed) // self._leads.page_size):
            yield
        for lead, at in changed.items():
            brought = self._recent.has(str(lead), _millis(at))
            if at > self._changed and not (brought and self._one_list) and self._read_at.get(lead, -1.0) < at:
                world.found(lead, "unsure" if brought else "found")
        self._changed = now
        return False

    def _stream(self, world: World, now: float) -> Turn:
        name = self._chosen(now)
        if name is None:
            return False
        state, load = self._states[name], world.load
        events = self._events(world)[name]
        read = _seconds(state.read) if state.read else 0.0
        first, last = (int(n) for n in np.searchsorted(load.at[events], (read - OVERLAP, now)))
        state.touched = _millis(now)
        news = 0
        for page in range(first, max(last, first + 1), self._by_code.page_size):
            at = yield
            rows = events[page : min(page + self._by_code.page_size, last)]
            news += int((load.at[rows] > read).sum())
            world.bring(world.news(rows, at), at)
            for event in rows.tolist():
                self._recent.add(str(load.lead[load.row[event]]), _millis(float(load.at[event])))
        rate = news / max(now - read, 1.0)
        state.rate = (state.rate + rate) / 2 if state.read else rate
        state.read = _millis(now)
        return self._schedule.due(_millis(now)) is not None

    def _chosen(self, now: float) -> str | None:
        """Return the stream whose turn it is, as the feed chooses it."""
        if _millis(now) - self._turned >= self._by_code.every * 1000 - 1_000:
            self._turned, oldest, self._oldest = _millis(now), self._oldest, not self._oldest
            return self._schedule.next(_millis(now), oldest=oldest)
        return self._schedule.due(_millis(now))

    def _all(self, world: World) -> Ints:
        """Return all events in the order in which they happen."""
        return self._events(world)["all"]

    def _events(self, world: World) -> dict[str, Ints]:
        if not self._streams:
            order = np.argsort(world.load.at)
            codes = world.load.code[world.load.row[order]]
            one = len(self._states) == 1
            self._streams = {name: order if one else order[codes == int(name)] for name in self._states}
            self._streams["all"] = order
        return self._streams


def _millis(at: float) -> int:
    return int((EPOCH + at) * 1000)


def _seconds(millis: int) -> float:
    return millis / 1000 - EPOCH
