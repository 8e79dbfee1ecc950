"""One stream of activities: what is remembered of it between turns, and how it is read on. Pure but for its calls."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct, field

from headrace.providers.leadsquared.rows import facts_of
from headrace.providers.leadsquared.settings import ActivitiesByCodeSettings
from headrace.providers.leadsquared.windows import Ask, Place, WindowReader
from headrace.sdk.row_digests import MOST, Digests

_OVERLAP_MS: Final = 5 * 60_000
"""So much every reading reads again; the whole look-back where that costs no more than one page in a reading."""
_LASTING_MS: Final = 60_000
"""After so long the same shortfall, in another turn, is one that lasts: a moment of empty pages looks like it."""
_HIDES_MS: Final = 7 * 86_400_000
"""So long it is believed that a code counts rows that these keys may not see."""
_FIRST_REST_MS: Final = 60_000
_LONGEST_REST_MS: Final = 6 * 3_600_000
_PASSED_OVER_AFTER: Final = 3
"""In so many turns a page did not come, while others did, and it is passed over."""


class StreamState(Struct, omit_defaults=True):
    """What is remembered of a stream; times are in milliseconds by the platform's clock.

    Up to `head` all is read, last by a reading that began at `read` (0: never). The `place` is that of a reading that
    began at `begun` (0: none) and brought so much `news` since. `touched`: when a turn last asked for it. The look-back
    was last read at `swept`, which took so many `pages`; nothing before `bar` is read again. `rate`: rows in a
    second. So many rows were `lacking` in this reading; `short` are those of the reading before, and since when;
    they count as hidden since `hides`. It failed so many times (`failures`) for a `reason`, and `rests` until then.
    """

    head: int = 0
    read: int = 0
    place: Place = field(default_factory=Place)
    begun: int = 0
    news: int = 0
    touched: int = 0
    swept: int = 0
    pages: int = 0
    sweeping: bool = False
    bar: int = 0
    rate: float = 0.0
    lacking: int = 0
    short: tuple[int, int] = (0, 0)
    hides: int = 0
    failures: int = 0
    rests: int = 0
    reason: str = ""
    known: bytes = b""


_decode: Final = msgspec.json.Decoder(StreamState).decode
encode: Final = msgspec.json.Encoder().encode


def state_of(note: bytes) -> StreamState:
    """Return the state that a note holds, a new one where there is none."""
    return _decode(note) if note else StreamState()


def hides(state: StreamState, now: int) -> bool:
    """Return whether it is believed that a stream counts rows which these keys may not see."""
    return now - state.hides < _HIDES_MS


class Stream:
    """Reads one stream on, page by page, up to the moment at which the reading began."""

    def __init__(self, state: StreamState, ask: Ask, settings: ActivitiesByCodeSettings) -> None:
        self.state: Final = state
        self.repeated: list[bytes] = []
        """The rows of the last page that are known."""
        self.cut = ""
        """A name for what the last page gave up: a second has more rows than are read."""
        self._settings: Final = settings
        self._known: Final = Digests(state.known)
        self._reader: Final = WindowReader(
            state.place,
            ask,
            size=settings.page_size,
            time_of=lambda row: facts_of(row).modified,
            name_of=lambda row: facts_of(row).name,
        )

    @property
    def done(self) -> bool:
        """Whether the reading has come to its end."""
        return self._reader.done

    def begin(self, now: int, head: int) -> None:
        """Begin a reading, where none is open; it reads on from `head` where that is later than the stream's own."""
        at = self.state
        at.touched = now
        if at.begun:
            return
        at.head = max(at.head, head) or now - self._settings.history * 1000
        back = self._settings.look_back * 1000
        at.sweeping = now - at.swept >= self._sweep_every()
        if at.sweeping:
            at.swept, at.pages = now, 0
        begin = max(at.head - (back if at.sweeping else min(back, _OVERLAP_MS)), at.bar) if at.read else at.head
        at.begun, at.news, at.lacking = now, 0, 0
        at.place.at, at.place.until = min(begin, now - 1), now

    async def page(self) -> list[bytes]:
        """Return what is new on the next page. Raises `Fault`."""
        at = self.state
        behind = at.sweeping and at.place.at < at.head
        rows = await self._reader.page()
        at.pages += behind
        at.lacking += self._reader.short
        self.cut = ""
        if self._reader.cut:
            at.bar, self.cut = at.place.at, str(at.place.at)
        news = self._sorted_out(rows)
        at.news += 0 if behind and not self._reader.done else len(news)
        at.known = self._known.packed()
        return news

    def finish(self, now: int) -> None:
        """Note the end of a reading; `now` is the platform's clock: ours may have been ahead when it began."""
        at = self.state
        begun, at.begun = min(at.begun, now), 0
        at.failures, at.rests, at.reason = 0, 0, ""
        if not at.lacking:
            at.short = (0, 0)
        elif not self._hides(now):
            at.rests, at.reason = now + _LASTING_MS, f"counts {at.lacking} rows more than it shows"
            return
        elapsed = (begun - at.read if at.read else self._settings.history * 1000) / 1000
        rate = at.news / max(elapsed, 1.0)
        at.rate = rate if not at.read else (at.rate + rate) / 2
        at.head, at.read = max(at.head, min(at.place.until, now)), begun

    async def failed(self, reason: str, now: int) -> str:
        """Note that it does not come while others do: it rests, ever longer.

        After a few turns what does not come is passed over, where what follows does; return a name for it then.
        """
        at = self.state
        at.failures += 1
        at.rests = now + min(_FIRST_REST_MS * 4 ** min(at.failures - 1, 9), _LONGEST_REST_MS)
        at.reason = reason
        behind = at.place.at + 60_000
        if at.failures < _PASSED_OVER_AFTER or behind >= at.place.until or not await self._reader.comes(behind):
            return ""
        at.bar = self._reader.pass_over()
        at.rests = now
        return str(at.bar)

    def _sweep_every(self) -> int:
        """Return how often (ms) the look-back is read: seldom where it has more rows than are remembered."""
        apart = (self.state.pages - 1) * self._settings.every * 1000
        many = self.state.pages * self._settings.page_size > MOST
        return max(apart, self._settings.look_back * 500) if many and self.state.pages > 1 else apart

    def _hides(self, now: int) -> bool:
        at = self.state
        if hides(at, now):
            return True
        since = at.short[1] if at.short[0] == at.lacking else now
        at.short = (at.lacking, since)
        if now - since < _LASTING_MS:
            return False
        at.hides = now
        return True

    def _sorted_out(self, rows: Sequence[bytes]) -> list[bytes]:
        news: list[bytes] = []
        self.repeated = []
        for row in rows:
            (news if self._known.add(row) else self.repeated).append(row)
        return news
