"""Pace of a tenant's calls where its budget is by the day or the year: no hour spends what others need later. Pure.

Tenant feeds are never held back: they cost little and name what has news; a tenth of the budget is theirs alone. The
leads that they found, and the sweep, go at the pace at which the budget lasts, all calls counted. Nudges are read at
once while two fifths of the budget are left, at that pace below it. Where they take all of it, the others keep the
shares that `shares.py` grants them.
"""

from collections import deque
from typing import Final

from headrace.poller.budget import Budget
from headrace.poller.shares import KINDS, SHARES, Kind

HOUR_SECONDS: Final = 3_600.0
NUDGES_LEAVE: Final = 0.4
OTHERS_LEAVE: Final = 0.1
_PART_SECONDS: Final = 300.0
_PATIENT: Final[tuple[Kind, ...]] = ("found", "swept")
_GRANTED: Final = sum(SHARES[kind] for kind in _PATIENT)


class CallPace:
    """The calls of the last hour, and which kinds of work may make more of them. Times are seconds since the epoch."""

    def __init__(self) -> None:
        self._parts: Final[deque[tuple[float, int, int]]] = deque()
        self._all = self._patient = 0

    def count(self, kind: Kind, calls: int, now: float) -> None:
        """Note calls that were made."""
        if not calls:
            return
        self._forget(now)
        patient = calls if kind in _PATIENT else 0
        self._all, self._patient = self._all + calls, self._patient + patient
        part = now // _PART_SECONDS * _PART_SECONDS
        if self._parts and self._parts[-1][0] >= part:
            at, all_before, patient_before = self._parts.pop()
            self._parts.append((at, all_before + calls, patient_before + patient))
        else:
            self._parts.append((part, calls, patient))

    def allowed(self, budget: Budget, now: float) -> tuple[Kind, ...]:
        """Return the kinds of work that may begin."""
        lasting = budget.lasting(now)
        if lasting is None:
            return tuple(KINDS)
        self._forget(now)
        an_hour = lasting * HOUR_SECONDS
        even = self._all < an_hour
        nudged: tuple[Kind, ...] = ("nudged",) if budget.has_left(OTHERS_LEAVE if even else NUDGES_LEAVE, now) else ()
        granted = self._patient < an_hour * _GRANTED
        patient = _PATIENT if (even or granted) and budget.has_left(OTHERS_LEAVE, now) else ()
        return (*nudged, "due", *patient)

    def _forget(self, now: float) -> None:
        while self._parts and self._parts[0][0] + HOUR_SECONDS <= now:
            _, calls, patient = self._parts.popleft()
            self._all, self._patient = self._all - calls, self._patient - patient
