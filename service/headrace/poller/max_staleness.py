"""Whether the sweep keeps a tenant's maximum staleness at its budget, and which budget would do. Pure.

A round through all leads takes so many calls; a part of what the platform allows is left to what is woken or due. Where
the round is through in time, the sweep needs the share of the calls that this takes, and no lead is unread for longer.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from headrace.poller.budget import DAY_SECONDS, YEAR_SECONDS
from headrace.poller.shares import MOST_SWEPT, SHARES
from headrace.sdk.limits import CallLimits

Per: TypeAlias = Literal["second", "day", "year"]


class Sweeping(Struct, frozen=True):
    """A round through all leads takes so many `seconds` at most, where the sweep has the largest share of the calls.

    It needs this `share` to be through in time; where even the largest is too small, so many calls a second, a day or a
    year `would_do`.
    """

    seconds: int
    share: float
    would_do: dict[Per, float] = {}

    @property
    def holds(self) -> bool:
        """Whether no lead is unread for longer than it may be."""
        return not self.would_do


def sweeping(leads: Mapping[str, tuple[int, float]], limits: CallLimits, within: int) -> Sweeping:
    """Return what a round takes: by feed its leads and the calls that one takes (0: not known), in so many seconds."""
    calls = sum(count * max(each, 1.0) for count, each in leads.values())
    rates = dict(_rates(limits))
    needed = calls / within
    lacking = {per: rate for per, rate in rates.items() if needed > rate * MOST_SWEPT}
    share = max((needed / rate for rate in rates.values()), default=0.0)
    return Sweeping(
        seconds=math.ceil(max((calls / (rate * MOST_SWEPT) for rate in rates.values()), default=0.0)),
        share=min(max(share, SHARES["swept"]), MOST_SWEPT),
        would_do={per: _rounded(needed / MOST_SWEPT, per) for per in lacking},
    )


_SECONDS: Final[dict[Per, float]] = {"second": 1.0, "day": DAY_SECONDS, "year": YEAR_SECONDS}


def _rates(limits: CallLimits) -> Iterator[tuple[Per, float]]:
    """Yield how many calls a second each limit allows in the long run."""
    yield "second", limits.per_window / limits.window
    if limits.per_day:
        yield "day", limits.per_day / DAY_SECONDS
    if limits.per_year:
        yield "year", limits.per_year / YEAR_SECONDS


def _rounded(rate: float, per: Per) -> float:
    """Return calls in a span, rounded up: whole ones, or hundredths of those in a second."""
    calls = rate * _SECONDS[per]
    return math.ceil(calls * 100) / 100 if per == "second" else math.ceil(calls)
