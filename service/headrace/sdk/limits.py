"""How many calls a platform allows."""

from msgspec import Struct


class CallLimits(Struct, frozen=True, kw_only=True):
    """`per_window` calls in any `window` seconds, and so many a day and a year; 0 is no limit."""

    per_window: int
    window: float
    per_day: int = 0
    per_year: int = 0
