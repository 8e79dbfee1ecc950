"""Pace of a tenant's calls: no hour of a budget by the day or the year spends what others need later. Pure.

The sweep spreads its calls over the short window as well: in bursts it would fill it, and all else would wait for half
a minute, again and again. Where others fill it, it takes the calls that it is owed, at most its share of a window.

Tenant feeds are never held back: they cost little and name what has news; a tenth of the budget is theirs alone. The
leads that they found, and the sweep, go at the pace at which the budget lasts, all calls counted. Nudges are read at
once while two fifths of the budget are left, at that pace below it. Where they take all of it, the others keep the
shares that `shares.py` grants them. A sweep that has to be faster has its share of the whole budget, which nudges leave
to it.
"""

from collections import Counter, deque
from typing import Final

from headrace.poller.budget import Budget
from headrace.poller.shares import KINDS, SHARES, Kind, Shares
from headrace.sdk.limits import CallLimits

HOUR_SECONDS: Final = 3_600.0
NUDGES_LEAVE: Final = 0.4
OTHERS_LEAVE: Final = 0.1
LEFT_TO_SWEEP: Final = 0.05
"""So much more nudges and found leads leave, where the sweep has to be faster."""
_PART_SECONDS: Final = 300.0
_PATIENT: Final[tuple[Kind, ...]] = ("found", "unsure", "swept")
_GRANTED: Final = sum(SHARES[kind] for kind in _PATIENT)


class CallPace:
    """The calls of the last hour, and which kinds of work may make more of them. Times are seconds since the epoch."""

    def __init__(self) -> None:
        self._parts: Final[deque[tuple[float, Counter[Kind]]]] = deque()
        self._calls: Final[Counter[Kind]] = Counter()
        self._swept: Final[deque[float]] = deque()
        """When the last calls of the sweep were made, as far as a short window reaches."""

    def count(self, kind: Kind, calls: int, now: float) -> None:
        """Note calls that were made."""
        if not calls:
            return
        if kind == "swept":
            self._swept.extend([now] * calls)
        self._forget(now)
        part = now // _PART_SECONDS * _PART_SECONDS
        if not self._parts or self._parts[-1][0] < part:
            self._parts.append((part, Counter()))
        self._parts[-1][1][kind] += calls
        self._calls[kind] += calls

    def allowed(self, budget: Budget, now: float, shares: Shares) -> tuple[Kind, ...]:
        """Return the kinds of work that may begin."""
        early = ("swept",) if budget.even_wait(now) and not self._is_owed(budget.limits, now, shares) else ()
        lasting = budget.lasting(now)
        if lasting is None:
            return tuple(kind for kind in KINDS if kind not in early)
        self._forget(now)
        an_hour = lasting * HOUR_SECONDS
        even = self._calls.total() < an_hour
        granted = sum(self._calls[kind] for kind in _PATIENT) < an_hour * _GRANTED
        more = shares.swept if shares.swept > SHARES["swept"] else 0.0
        leave = OTHERS_LEAVE + (LEFT_TO_SWEEP if more else 0.0)
        patient = (even or granted) and budget.has_left(leave, now)
        own = self._calls["swept"] < budget.allowance() * HOUR_SECONDS * more
        may: dict[Kind, bool] = {
            "nudged": budget.has_left(leave if even else min(NUDGES_LEAVE + more, 1.0 - OTHERS_LEAVE), now),
            "due": True,
            "found": patient,
            "unsure": patient,
            "swept": patient or (own and budget.has_left(OTHERS_LEAVE, now)),
        }
        return tuple(kind for kind in KINDS if may[kind] and kind not in early)

    def _is_owed(self, limits: CallLimits, now: float, shares: Shares) -> bool:
        """Return whether the sweep is owed a call, and has not had its share of the short window."""
        while self._swept and self._swept[0] + limits.window <= now:
            self._swept.popleft()
        return shares.owes("swept") and len(self._swept) < max(1.0, shares.swept * limits.per_window)

    def _forget(self, now: float) -> None:
        while self._parts and self._parts[0][0] + HOUR_SECONDS <= now:
            self._calls.subtract(self._parts.popleft()[1])
