"""What `tenant-events` reads of a span, or around a fact: windows of an hour, from its begin to its end. Pure."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from headrace.providers.leadping.broken_moments import BrokenMoments
from headrace.providers.leadping.known_rows import SLICE_MS
from headrace.providers.leadping.nudge import APART_MS
from headrace.providers.leadping.tenant_cursor import Window
from headrace.sdk.feed import AROUND_MS, Cursor, Turn
from headrace.sdk.row_digests import Digests

_HOUR_MS: Final = 3_600_000
_MOST_ROWS: Final = 8_000
"""Of one window, that are known if it is begun again."""


class SpanCursor(Struct, omit_defaults=True):
    """The cursor: up to `head` (ms) all is read; `passed` are rows of the `window` that is being read."""

    head: int = 0
    window: Window | None = None
    passed: bytes = b""
    size: int = 0
    width: int = 0


_decode: Final = msgspec.json.Decoder(SpanCursor).decode
_encode: Final = msgspec.json.Encoder().encode


class SpanPlan:
    """The windows of one turn; `passed` are the rows that it brought of the window that is read.

    A window with rows that wait is the last one: the next turn reads it again.
    """

    backwards: bool = False

    def __init__(self, turn: Turn, cursor: bytes, page_size: int) -> None:
        at = self.at = _decode(cursor) if cursor else SpanCursor()
        begin, self._end = _bounds(turn)
        at.head = max(at.head, begin)
        at.size = min(at.size * 2, page_size) or page_size
        self.passed = Digests(at.passed, _MOST_ROWS)
        self.broken: Final = BrokenMoments()
        self.suspect: tuple[int, int] | None = None
        self._waits = False

    def waits(self) -> bool:
        """Return whether rows wait."""
        return self._waits or bool(self.broken.waiting)

    def windows(self) -> Iterator[Window]:
        """Yield window after window."""
        at = self.at
        while at.head < self._end and not self.waits():
            at.window = at.window or Window(at.head, min(at.head + (at.width or _HOUR_MS), self._end))
            yield at.window
            if self.waits():
                at.window.token = None
            else:
                at.head, at.window = at.window.end, None
                self.passed = Digests(most=_MOST_ROWS)

    def page_read(self, now: int, bundles: int) -> bool:  # noqa: ARG002  (whoever back-fills has its own share)
        """Return that the turn may read another page."""
        return True

    def wait(self, made: int | None) -> None:  # noqa: ARG002  (its whole window is read again)
        """Note a row that waits for one of its parts."""
        self._waits = True

    def cut(self, window: Window) -> bool:
        """Cut a window whose token got old; return False where it cannot be shorter."""
        length = window.end - window.begin
        if length <= SLICE_MS:
            return False
        self.at.width = max(length // 4, SLICE_MS)
        window.end = window.begin + self.at.width
        return True

    def cursor(self, *, whole: bool = False, unread: str = "", more: bool = True) -> Cursor:
        """Return the cursor that covers what was read so far."""
        self.at.passed = self.passed.packed()
        return Cursor(_encode(self.at), more=more, whole=whole, unread=unread)


def _bounds(turn: Turn) -> tuple[int, int]:
    if turn.span is not None:
        return turn.span
    around = turn.around or 0
    return max(around - APART_MS[0], 0), around + AROUND_MS + APART_MS[1]
