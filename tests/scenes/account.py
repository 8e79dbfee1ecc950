"""One account in a scene: what it showed, what was published of it and when, what it was asked, what `feeds` said."""

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

from headrace_demo import senders
from headrace_demo.simulators.leadping.history import History as LeadPingHistory
from headrace_demo.simulators.ledger import Key
from tests.scenes.scene import Scene

_LEAD_PATH: Final = "/events/leads/"
_GRACE_SECONDS: Final = 30.0
"""The poller stores what `feeds` shows twice a minute."""


class Look(NamedTuple):
    """What `headrace feeds` said: it began and had answered at these times (s since the epoch)."""

    began: float
    answered: float
    words: frozenset[str]


class Account:
    """One account. Times are seconds since the epoch, both ours and the platform's."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene: Final = scene
        self.started = time.time()
        self.platform: Final = scene.platform(seed, self.started)
        self.sender: Final = senders.make(scene.provider, scene.name)
        self.begins = self.ends = float("inf")
        self.looks: Final[list[Look]] = []
        self.dropped: Final[dict[str, int]] = {}
        """Leads that each poller process dropped."""
        self.published: Final[dict[Key, list[float]]] = defaultdict(list)
        self.read: Final[dict[str, float]] = {}
        """When the list of each lead was last asked for."""
        self.longest_unread = 0.0
        self._calls: Final[list[tuple[float, int]]] = []
        self._shown: Final = {
            key: self.platform.history.ledger.plan(key).appears for key in self.platform.history.ledger
        }

    def begin(self) -> None:
        """Let the trouble begin."""
        self.begins = time.time()
        self.ends = self.begins + self.scene.lasts
        self.scene.trouble(self.platform)

    def look(self) -> None:
        """Note how often it was asked by now, and for which leads."""
        now = time.time()
        self._calls.append((now, self.platform.answers.total()))
        for call in self.platform.calls:
            if call.path.startswith(_LEAD_PATH) and call.status == 200:
                self.read[call.path.removeprefix(_LEAD_PATH)] = call.at
        if isinstance(self.platform.history, LeadPingHistory) and now > self.begins:
            listed = self.platform.history.leads[self.scene.unlisted :]
            self.longest_unread = max(
                self.longest_unread, now - min(self.read.get(lead, self.started) for lead in listed)
            )

    def calls(self, since: float, until: float) -> int:
        """Return the calls between two times, to the second."""
        return self._calls_by(until) - self._calls_by(since)

    def _calls_by(self, moment: float) -> int:
        number = bisect_right(self._calls, (moment, 1 << 60))
        return self._calls[number - 1][1] if number else 0

    def visible(self, moment: float) -> set[Key]:
        """Return what the platform had shown by then."""
        return {key for key, shown in self._shown.items() if shown <= moment}

    def missing(self, moment: float) -> set[Key]:
        """Return what it had shown by then and is not published today."""
        return self.visible(moment) - self.published.keys()

    @property
    def doubled(self) -> int:
        """Events beyond one of each activity (nothing here is ever edited), and those of none."""
        return sum(map(len, self.published.values())) - len(self.published.keys() & self._shown.keys())

    @property
    def recovered(self) -> float | None:
        """Seconds from the end of the trouble until all that was visible then was published; None: some never was."""
        if self.missing(self.ends):
            return None
        return max(0.0, max((self.published[key][0] for key in self.visible(self.ends)), default=0.0) - self.ends)

    @property
    def ok_while_missing(self) -> list[Look]:
        """When `feeds` said ok of everything, though an event was missing for longer than a turn and half a minute."""
        return [look for look in self.looks if look.words == {"ok"} and self._overdue(look)]

    def _overdue(self, look: Look) -> bool:
        patience = self.scene.every + _GRACE_SECONDS
        return any(
            max(shown, self.started) + patience < look.began and not self._published_by(key, look.answered)
            for key, shown in self._shown.items()
        )

    def _published_by(self, key: Key, moment: float) -> bool:
        times = self.published.get(key)
        return times is not None and times[0] <= moment

    def keys(self, *, wrong: bool) -> Mapping[str, object]:
        """Return the keys of the tenant."""
        return self.scene.tenant(self.platform, wrong=wrong)
