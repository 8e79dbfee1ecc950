"""What failures leave behind for the work that met them."""

from msgspec import Struct


class Setback(Struct, frozen=True):
    """What is remembered of work that failed: not to begin before `until`, after so many `failures` in a row.

    It fails `since` then. Times are seconds since the epoch, 0 where it did not fail.
    """

    until: float = 0.0
    failures: int = 0
    since: float = 0.0
