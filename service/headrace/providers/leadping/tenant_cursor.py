"""What `tenant-events` reads next: windows of createdAt, closed on both sides, in the order of their urgency. Pure.

1. From where it stands to the platform's now, and the last five minutes before that once more.
2. The moments of rows that break their pages, and the ten minutes of rows that wait for one of their parts.
3. What was read before, for rows change in place and do not say so: the last hour, the last day, the whole look-back,
   each as often as `_LEVELS` says, with a few calls in a turn, from now backwards.

A window goes on where it was left: its token is part of the cursor. Where the platform does not take a token any more,
the window is cut to a quarter, so that one of some length is read within the life of a token.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from headrace.providers.leadping.broken_moments import BrokenMoments
from headrace.providers.leadping.known_rows import SLICE_MS, slice_of
from headrace.providers.leadping.tenant_list import MY
from headrace.sdk.feed import Cursor

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_OVERLAP_MS: Final = 5 * 60_000
"""So much every turn reads again."""
_LEVELS: Final = ((_HOUR_MS, 10 * 60_000), (_DAY_MS, 6 * _HOUR_MS))
"""So much of the past is read again so often; what is older once a day."""
MOST_CALLS: Final = 60
"""Calls with which one turn reads the past again, for pages and for what their rows lack: of 300 a minute a fifth."""
_MOST_LATE: Final = 4
"""Slices with rows that wait, of which one turn reads so many."""


class Window(Struct, omit_defaults=True):
    """Rows created from `begin` until before `end` (ms); `token` is that of the next page."""

    begin: int
    end: int
    token: str | None = None


class Level(Struct, omit_defaults=True):
    """A part of the past that is read again: when that last began, and before when all is to be read yet (0: none)."""

    begun: int = 0
    left: int = 0
    window: Window | None = None


class TenantEventsCursor(Struct, omit_defaults=True):
    """The cursor: times in milliseconds by the platform's clock.

    Up to `head` all is read of the list that is named in `shown_by`. What was created before `again` is read whatever
    is known of it; -1 is until now. `late` are slices with rows that wait, `oldest` is the first slice with a note.
    `size` rows were not too much for a page, and `width` (ms) not too long for a token; 0: there was no trouble.
    """

    shown_by: str = ""
    head: int = 0
    live: Window | None = None
    levels: list[Level] = []
    late: list[int] = []
    again: int = 0
    oldest: int = 0
    size: int = 0
    width: int = 0
    broken: BrokenMoments = field(default_factory=BrokenMoments)


_decode: Final = msgspec.json.Decoder(TenantEventsCursor).decode
_encode: Final = msgspec.json.Encoder().encode


def is_outside(made: int | None, window: Window) -> bool:
    """Return whether a row was not created in a window; what has no time belongs wherever it came."""
    return made is not None and not window.begin <= made < window.end


def decoded(cursor: bytes) -> TenantEventsCursor:
    """Return a cursor; a new one where there is none."""
    return _decode(cursor) if cursor else TenantEventsCursor()


def moved(at: TenantEventsCursor, name: str, *, whole: bool) -> TenantEventsCursor:
    """Return the cursor for a list of that name: from a view of one user to a whole list all begins anew."""
    if at.shown_by == name:
        return at
    if at.shown_by.startswith(MY) and whole:
        head = at.head if at.again else 0
        return TenantEventsCursor(shown_by=name, head=head, again=at.again, oldest=at.oldest, size=at.size)
    at.shown_by = name
    for window in (at.live, *(level.window for level in at.levels)):
        if window is not None:
            window.token = None
    return at


def rewound(since: int, before: bytes) -> bytes:
    """Return a cursor from which all is read that was created since then (ms), known or not, or since `before`."""
    at, since = decoded(before), max(since, 1)
    return _encode(replace(at, head=min(at.head or since, since), live=None, again=-1))


def levels_of(look_back: int) -> list[tuple[int, int]]:
    """Return how much of the past is read again how often, both in ms; nothing that each turn reads anyway."""
    shorter = [level for level in _LEVELS if level[0] < look_back]
    if look_back <= _OVERLAP_MS:
        return []
    every = next((every for span, every in _LEVELS if span >= look_back), _DAY_MS)
    return [*shorter, (look_back, every)]


class TenantPlan:
    """The windows of one turn, which begins at `now` (ms). `at` is the cursor: it goes on with them.

    `since` is the oldest moment that the turn looks at on its way to now. `resumed`: a turn before began it. `suspect`:
    begin and end of the shortest window in which a row breaks its pages; what fails is halved as a window then.
    """

    def __init__(self, at: TenantEventsCursor, look_back: int, page_size: int, now: int) -> None:
        self.at: Final = at
        self.broken: Final = at.broken
        self._overlap: Final = min(look_back, _OVERLAP_MS)
        self._levels: Final = levels_of(look_back)
        self._now = now
        self._calls = MOST_CALLS
        self._waiting: Final[set[int]] = set()
        self.resumed: Final = at.live is not None
        self.backwards = False
        self.suspect: tuple[int, int] | None = None
        at.head = at.head or now - self._overlap
        at.size = min(at.size * 2, page_size) or page_size
        at.again = now if at.again < 0 else at.again
        at.levels = (at.levels + [Level() for _ in self._levels])[: len(self._levels)]
        self._until = max(now, at.head)
        self.since = min(at.head, now) - self._overlap

    def windows(self) -> Iterator[Window]:
        """Yield window after window, each to be read to its end, or as far as `page_read` says."""
        yield from self._live()
        yield from [Window(moment, moment + 1) for moment in self.broken.waiting]
        yield from self._late()
        self.backwards = True
        for level, (span, every) in zip(self.at.levels, self._levels, strict=True):
            yield from self._level(level, span, every)

    def page_read(self, now: int, bundles: int) -> bool:
        """Count a page, and the rows that got a part; return whether the turn may read on in the same window.

        A clock that was ahead before the first answer (`now` is by it) must not have the last word on what is read.
        """
        self._now = now
        self._until = min(self._until, now)
        self._calls -= (1 + bundles) if self.backwards else 0
        return self._calls > 0

    def wait(self, made: int | None) -> None:
        """Note a row that waits for one of its parts, created then."""
        self._waiting.add(slice_of(self._now if made is None else made))

    def waits(self) -> bool:
        """Return whether rows wait, of this turn or of one before."""
        return bool(self.at.late or self._waiting or self.broken.waiting)

    def cursor(self, *, whole: bool = False, unread: str = "", more: bool = True) -> Cursor:
        """Return the cursor that covers what was read so far; by the last one of a turn all is read to its begin."""
        value = _encode(replace(self.at, late=sorted({*self.at.late, *self._waiting})))
        return Cursor(value, more=more, whole=whole and not self.resumed, since=max(self.since, 1), unread=unread)

    def cut(self, window: Window) -> bool:
        """Cut a window whose token got old; return False where it cannot be shorter."""
        length = window.end - window.begin
        if length <= SLICE_MS:
            return False
        self.at.width = max(length // 4, SLICE_MS)
        if self.backwards:
            window.begin = window.end - self.at.width
        else:
            window.end = window.begin + self.at.width
        return True

    def _live(self) -> Iterator[Window]:
        at, first = self.at, True
        while at.live is not None or first or at.head < self._until:
            if at.live is None:
                begin = at.head - (self._overlap if first else 0)
                at.live, first = Window(begin, min(begin + self._width, self._until)), False
            yield at.live
            at.head, at.live = min(max(at.head, at.live.end), self._now), None
            self._widen()
        if at.head >= at.again:
            at.again = 0

    def _late(self) -> Iterator[Window]:
        for late in self.at.late[:_MOST_LATE]:
            self._waiting.discard(late)
            window = Window(late * SLICE_MS, late * SLICE_MS)
            while window.end < (late + 1) * SLICE_MS:
                window = Window(window.end, (late + 1) * SLICE_MS)
                yield window
            self.at.late.remove(late)

    def _level(self, level: Level, span: int, every: int) -> Iterator[Window]:
        if not level.left and self._now - level.begun < every:
            return
        if not level.left:
            level.begun = level.left = self._now
        oldest = level.begun - span
        while level.left > oldest and self._calls > 0:
            level.window = level.window or Window(max(level.left - self._width, oldest), level.left)
            yield level.window
            if self._calls <= 0 and level.window.token is not None:
                return
            level.left, level.window = level.window.begin, None
            self._widen()
        if level.left <= oldest:
            level.left = 0

    @property
    def _width(self) -> int:
        return self.at.width or _DAY_MS

    def _widen(self) -> None:
        """Let windows be longer again."""
        self.at.width = 0 if self._width * 2 >= _DAY_MS else self._width * 2
