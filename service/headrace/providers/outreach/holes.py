"""Moments that the platform fails to list: one row of them breaks every page that it is on. Pure.

Windows are opened around them, so that all other rows come; they are asked for by themselves in later turns.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

MOST_HOLES: Final = 20
"""With more of them at a time it is the platform that fails, and not a row."""


class Hole(Struct, frozen=True, array_like=True):
    """A millisecond (since the epoch) whose rows do not come; `left`: they are not asked for any more."""

    at: int
    left: bool = False


def around(holes: Sequence[Hole], begin: int, end: int) -> tuple[int, int]:
    """Return the window from `begin` to `end` (both belong to it) without holes: it may end earlier, or begin later."""
    for hole in sorted(holes, key=lambda hole: hole.at):
        if begin in (hole.at - 1, hole.at):  # what is right before it ended the window before
            begin = hole.at + 1
        elif begin < hole.at <= end:
            return begin, hole.at - 1
    return begin, end
