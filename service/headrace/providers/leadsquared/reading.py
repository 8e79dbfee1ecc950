"""What one turn reads of a lead, which rows of it are news, and the cursor behind it. Pure."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.core.problems import Undecodable
from headrace.providers.leadsquared.pager import LeadSquaredPager, Shortfall
from headrace.providers.leadsquared.times import micros
from headrace.sdk.feed import Cursor
from headrace.sdk.row_digests import Digests

_LEFT_OUT_AFTER: Final = 3
"""In so many turns the same number of rows did not come, and they are left out."""
_MOST_LEFT_OUT: Final = 20
"""With more of them it is the platform that fails, and not a row."""
_AGAIN_MS: Final = 24 * 3_600_000
"""So long rows that are left out are not looked for."""


class Lost(Struct, frozen=True, array_like=True):
    """So many `rows` did not come in so many `turns`, and were last looked for at `searched` (ms, the platform's)."""

    rows: int = 0
    turns: int = 0
    searched: int = 0

    @property
    def left_out(self) -> bool:
        """Whether nobody waits for them."""
        return self.turns >= _LEFT_OUT_AFTER and self.rows <= _MOST_LEFT_OUT

    def after(self, rows: int, now: int) -> "Lost":
        """Return what is lost after a turn that looked for them."""
        return Lost(rows, self.turns + 1 if rows == self.rows else 1, now) if rows else Lost()


class LeadActivitiesCursor(Struct, omit_defaults=True):
    """The cursor: when the last whole reading began, in milliseconds by the platform's clock (0: never).

    `known` are the rows that the next reading may take for news; of a reading that was not whole, all of them; those
    changed since `again` (0: none) are news all the same. `short` is what it lacked, of each code; `lost` are rows that
    do not come.
    """

    read: int = 0
    known: bytes = b""
    short: tuple[Shortfall | None, ...] = ()
    lost: Lost = Lost()
    again: int = 0


class _RowTimes(Struct, rename="pascal", gc=False):
    created_on: str | None = None
    modified_on: str | None = None


_decode: Final = msgspec.json.Decoder(LeadActivitiesCursor).decode
_times: Final = msgspec.json.Decoder(_RowTimes).decode
_encode: Final = msgspec.json.Encoder().encode


class Reading:
    """What one turn reads from a cursor on. `search`: rows that do not come are looked for one by one.

    `now` is in milliseconds by the platform's clock, `look_back` in milliseconds. `unchanged` and `outside` are the
    rows of the last code that are no news. `shortfall` says what is missing, and may come yet.
    """

    def __init__(self, cursor: bytes, now: int, look_back: int) -> None:
        self.unchanged: list[bytes] = []
        self.outside: list[bytes] = []
        self.shortfall = ""
        self._before: Final = _decode(cursor) if cursor else LeadActivitiesCursor()
        lost = self._before.lost
        self.search: Final = not lost.left_out or now - lost.searched >= _AGAIN_MS
        self._look_back: Final = look_back
        self._known: Final = Digests(self._before.known)
        self._fresh: Final = Digests()
        self._short: Final[list[Shortfall | None]] = []
        self._begun = self._lost = 0
        self._lack = ""

    @property
    def brought(self) -> bool:
        """Whether there is anything to know in the next one."""
        return len(self._fresh) > 0

    @property
    def short_before(self) -> Iterator[Shortfall | None]:
        """What the reading before lacked, of each code."""
        return chain(self._before.short, repeat(None))

    def news(self, pager: LeadSquaredPager) -> Iterator[bytes]:
        """Yield the rows of a code that are new or changed, the last first: what was passed on is not held."""
        self._begun = self._begun or pager.begun
        self._short.append(pager.short)
        self._lost += pager.lost
        if pager.lost:
            self._lack = self._lack or pager.shortfall
        elif not pager.whole:
            self.shortfall = self.shortfall or pager.shortfall
        self.unchanged, self.outside = [], []
        while pager.rows:
            row, _ = pager.rows.popitem()
            at = changed(row)
            if row in self._known and not self._is_read_again(at):
                self.unchanged.append(row)
            elif at is not None and at < self._before.read - self._look_back:
                self.outside.append(row)
                continue
            else:
                yield row
            if at is None or at >= self._begun - self._look_back or not pager.whole:
                self._fresh.add(row)

    def broken_off(self) -> Cursor:
        """Return the cursor behind a reading that a fault ended, or that passed over pages: no row is forgotten."""
        known = Digests(self._known.packed() + self._fresh.packed()).packed()
        return Cursor(_encode(replace(self._before, known=known)), whole=False)

    def finished(self) -> tuple[Cursor, int]:
        """Return the cursor behind all codes, and how many rows are left out from now on."""
        if self._lost and not self.search:
            return self.broken_off(), 0
        lost = self._before.lost.after(self._lost, self._begun)
        if not lost.left_out:
            self.shortfall = self.shortfall or self._lack
        whole = not self.shortfall
        # What is lost is news whenever it comes, so the bound stays.
        read = self._begun if whole and not lost.rows else self._before.read
        short = tuple(self._short) if any(self._short) else ()
        cursor = Cursor(_encode(LeadActivitiesCursor(read, self._fresh.packed(), short, lost)), whole=whole)
        return cursor, lost.rows if lost.left_out and lost.turns == _LEFT_OUT_AFTER else 0

    def _is_read_again(self, at: int | None) -> bool:
        return self._before.again > 0 and (at is None or at >= self._before.again)


def rewound(since: int, before: bytes, look_back: int) -> bytes:
    """Return a cursor for which all is news that was created or changed since then, or is for `before`; in ms."""
    read = max(since + look_back, 1)
    at = _decode(before) if before else LeadActivitiesCursor(read)
    return _encode(LeadActivitiesCursor(min(at.read, read), at.known, again=max(since, 1)))


def changed(row: bytes) -> int | None:
    """Return the later of CreatedOn and ModifiedOn in milliseconds (either may be it), None where there is neither."""
    try:
        found = _times(row)
        times = [micros(found.created_on, "$.CreatedOn"), micros(found.modified_on, "$.ModifiedOn")]
    except (Undecodable, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = [at for at in times if at is not None]
    return max(known) // 1000 if known else None
