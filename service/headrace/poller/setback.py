"""What failures leave behind for the work that met them."""

from msgspec import Struct


class Setback(Struct, frozen=True):
    """What is remembered of work that failed: not to begin before `until`, after so many `failures` in a row.

    `denied` is when it was denied first, 0 where it was not.
    """

    until: float = 0.0
    failures: int = 0
    denied: float = 0.0
