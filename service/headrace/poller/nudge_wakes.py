"""When a nudge wakes a feed again, and for which turn: one that reads on, or one around a far fact. Pure.

A fact is far once its feed has read on and looked back to no moment before it: then its row, if there is one, was read
long ago. Nothing of this is stored: after a crash everything open is woken at once, and what is far is found out again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from headrace.poller.nudge_table import NudgeKey, key_of
from headrace.poller.scheduler import EVENTS_BY_LEAD, Work
from headrace.records.nudge import AddressedNudge
from headrace.sdk.feed import AROUND_MS

WAKE_AGAIN_SECONDS: Final = 300.0
FAR_TOGETHER_SECONDS: Final = 300.0
"""Turns around facts are woken so often: they cost many calls, and what is decided late comes one by one."""


class NudgeWakes:
    """The moments at which open nudges wake their feeds again, in seconds since the epoch."""

    def __init__(self) -> None:
        self._at: Final[dict[NudgeKey, float]] = {}
        self._far: Final[set[NudgeKey]] = set()

    def woken(self, key: NudgeKey, now: float) -> None:
        """Note that a nudge has just come and woken its feed."""
        self._far.discard(key)
        self._at[key] = now + WAKE_AGAIN_SECONDS

    def wake(self, key: NudgeKey, at: float) -> None:
        """Let a nudge wake its feed again."""
        self._at[key] = -(-at // FAR_TOGETHER_SECONDS) * FAR_TOGETHER_SECONDS if key in self._far else at

    def note_far(self, key: NudgeKey, now: float) -> None:
        """Let a nudge wake turns around its fact from now on."""
        if key not in self._far:
            self._far.add(key)
            self.wake(key, now)

    def forget(self, key: NudgeKey) -> None:
        """Wake nothing for a nudge any more."""
        self._at.pop(key, None)
        self._far.discard(key)

    def around(self, nudge: AddressedNudge) -> int | None:
        """Return the `around` of the turns that look for a fact; None where those do that read on."""
        return _around(nudge) if key_of(nudge) in self._far else None

    def due(self, nudges: Iterable[AddressedNudge], now: float) -> Iterator[AddressedNudge]:
        """Yield what to wake now, of one lead a few turns at a time.

        More events are read by reading the lead, and none of them is looked for then.
        """
        turns: defaultdict[tuple[str, str | None], set[str | int]] = defaultdict(set)
        for nudge in nudges:
            key = key_of(nudge)
            if self._at.get(key, 0.0) > now:
                continue
            turn = self.around(nudge) if nudge.event is None else nudge.event
            of_lead = turns[nudge.feed, nudge.lead]
            if nudge.lead is not None and turn is not None and turn not in of_lead:
                if len(of_lead) >= EVENTS_BY_LEAD - 1:
                    continue
                of_lead.add(turn)
            self._at[key] = now + WAKE_AGAIN_SECONDS
            yield nudge


def looks_for(work: Work, nudge: AddressedNudge) -> bool:
    """Return whether a turn looks for a nudge's fact: for its event, or around it, where the turn is one of these."""
    return nudge.event in (None, work.event) and work.around in (None, _around(nudge))


def _around(nudge: AddressedNudge) -> int:
    return max(nudge.time, 0) // AROUND_MS * AROUND_MS  # no fact is from before 1970: such a time is wrong
