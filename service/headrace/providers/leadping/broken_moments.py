"""Moments of the list of all leads that do not come: a row of each breaks every page that it is on. Pure.

Windows are opened around them, so that all other rows come; they are asked for by themselves in further turns.
"""

from typing import Final

from msgspec import Struct

_MOST_LEFT: Final = 20
"""Beyond it the oldest is met again."""


class BrokenMoments(Struct, omit_defaults=True):
    """Moments (ms since the epoch) that are `waiting` for a further turn, and those `left`: they never came."""

    waiting: list[int] = []
    left: list[int] = []

    def wait(self, moment: int) -> None:
        """Ask for a moment once more in another turn."""
        self.waiting = sorted({*self.waiting, moment})

    def leave(self, moment: int) -> None:
        """Ask for a moment no more."""
        self.come(moment)
        self.left = sorted({*self.left, moment})[-_MOST_LEFT:]

    def come(self, moment: int) -> None:
        """Let windows have a moment again."""
        self.waiting = [each for each in self.waiting if each != moment]

    def around(self, begin: int, end: int, *, backwards: bool) -> tuple[int, int]:
        """Return the part of a window, from `begin` until before `end`, that is read first; it has none of them.

        That is its first part, or its last one where it is read `backwards`; an empty one where nothing is left of it.
        """
        for moment in sorted({*self.waiting, *self.left}, reverse=backwards):
            if not begin <= moment < end:
                continue
            if backwards and moment == end - 1:
                end = moment
            elif backwards:
                return moment + 1, end
            elif moment == begin:
                begin = moment + 1
            else:
                return begin, moment
        return begin, end


def half(begin: int, end: int, *, backwards: bool) -> tuple[int, int] | None:
    """Return the half of a window that is read first, None where it is one moment."""
    length = end - begin
    if length <= 1:
        return None
    return (end - length // 2, end) if backwards else (begin, begin + length // 2)


def within(suspect: tuple[int, int] | None, begin: int, end: int, *, backwards: bool) -> tuple[int, int]:
    """Return the part of a window that lies in a suspect one, where it begins in it; else the window."""
    if suspect is None:
        return begin, end
    first, last = suspect
    if backwards:
        return (max(begin, first), end) if first < end <= last else (begin, end)
    return (begin, min(end, last)) if first <= begin < last else (begin, end)
