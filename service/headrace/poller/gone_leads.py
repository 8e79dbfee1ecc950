"""Leads that the platform does not know: when one of them is watched no more. Pure.

A gateway says 404 as well, of all leads for a minute, or of some for a day. So a lead goes only after it was gone in
several turns over days, while others went well all along; whoever reads it in between begins to count anew.
"""

from typing import Final

from msgspec.structs import replace

from headrace.records.cursors import Watched

TIMES: Final = 7
APART_SECONDS: Final = 12 * 3600.0
"""Between two turns that count: a lead is dropped after three days at the earliest."""


def after_gone(watched: Watched, now: float, apart: float = APART_SECONDS) -> Watched | None:
    """Return a lead after a turn (s since the epoch) in which it alone was gone, None where it is to be dropped."""
    at = int(now * 1000)
    if watched.times >= TIMES:
        return None  # it was held back: mass_drop.py
    if watched.times and at < watched.gone + apart * 1000:
        return watched
    return replace(watched, gone=at, times=watched.times + 1) if watched.times + 1 < TIMES else None


def held_back(watched: Watched, now: float) -> Watched:
    """Return a lead that is to be dropped and is not: it stands at the last turn in which it was gone."""
    return watched if watched.times >= TIMES else replace(watched, gone=int(now * 1000), times=TIMES)


def found_again(watched: Watched) -> Watched:
    """Return a lead after a turn that read it."""
    return replace(watched, gone=0, times=0)
