"""How many calls a platform allows, and how many records one body may bring."""

from typing import Final

from msgspec import Struct

MOST_RECORDS: Final = 10_000
"""Records in one delivery, and rows on one page: a real one of the largest size has a third of that."""


class CallLimits(Struct, frozen=True, kw_only=True):
    """`per_window` calls in any `window` seconds, and so many a day and a year; 0 is no limit."""

    per_window: int
    window: float
    per_day: int = 0
    per_year: int = 0
