"""What is held back of one tenant in one partition of raw, as records of `seen` say it."""

from msgspec import Struct


class HeldRange(Struct, frozen=True, array_like=True, gc=False):
    """The records of `source` that are held: `count` of them, the first at offset `first`, the last at `last`.

    The first was appended to raw at `since` (ms since the epoch) or later. A range of no records is over.
    """

    source: str
    first: int
    last: int
    count: int
    since: int
