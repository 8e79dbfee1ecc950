"""Page through the list of events in closed windows of createdAt, with a cursor behind each page.

Inside one query rows may be unsorted and beyond the requested bounds, and a page may be too much for the
platform (seen by source-outreach of https://github.com/estuary/connectors). So a window is covered when its last page
is, not when a late row was seen; rows beyond it are left for the window that they belong to; and the page size is
halved at each 502 and grows back.

What is read already is read once more for rows that showed up late: a few minutes with every turn, the whole look-back
as often as it costs no more than one page a turn on the average.
"""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Raw, Struct, field
from msgspec.structs import replace

from headrace.core.timestamps import from_millis, micros
from headrace.providers.outreach.client import EVENTS
from headrace.providers.outreach.holes import MOST_HOLES, Hole, around
from headrace.providers.outreach.nudge import SPAN_SECONDS
from headrace.providers.outreach.settings import EventsSettings
from headrace.sdk.faults import Gone, Incomplete, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import AROUND_MS, Api, Call, Cursor, Pairs
from headrace.sdk.http_status import no_route
from headrace.sdk.json_structure import UNCUTTABLE
from headrace.sdk.page_probe import smaller
from headrace.sdk.page_size import halved
from headrace.sdk.pages import Page, open_page
from headrace.sdk.row_digests import Digests

_SIZE: Final = "page[size]"
_GROWS_AFTER: Final = 8
"""So many good pages in a row, and the page size is doubled again."""
_OVERLAP_MS: Final = 5 * 60_000
"""So much every turn reads again."""


class EventsCursor(Struct, omit_defaults=True):
    """The cursor: times in milliseconds by the platform's clock.

    Up to `head` all is read. `begin` and `end` are the window that is being read (`end` 0: none), `next` the query of
    its next page. `swept` is when the look-back was last read, which took so many `pages`; `sweeping` if it is being
    read. `size` is the page size, after so many `good` pages of it. `known` are the rows that came last.
    `holes` are moments that do not come.
    """

    head: int = 0
    begin: int = 0
    end: int = 0
    next: Pairs = ()
    swept: int = 0
    pages: int = 0
    sweeping: bool = False
    size: int = 0
    good: int = 0
    known: bytes = b""
    holes: tuple[Hole, ...] = ()


class _Links(Struct):
    next: str | None = None


class _OutreachPage(Page):
    rows: Raw = field(name="data")
    links: _Links | None = None


class _Attributes(Struct, rename="camel", gc=False):
    created_at: str | None = None


class _CreatedRow(Struct, gc=False):
    attributes: _Attributes


_NO_PAGE: Final = _OutreachPage(Raw(b"[]"))
NEWEST: Final = Call(path=EVENTS, query=(("sort", "-createdAt"), (_SIZE, "1"), ("count", "false")))
_decode: Final = msgspec.json.Decoder(EventsCursor).decode
_page: Final = msgspec.json.Decoder(_OutreachPage)
_row: Final = msgspec.json.Decoder(_CreatedRow).decode
_encode: Final = msgspec.json.Encoder().encode


def is_page(body: bytes) -> bool:
    """Return whether a body is a page of events, though it be empty."""
    try:
        return bytes(_page.decode(body).rows).startswith(b"[")
    except UNCUTTABLE:
        return False


class OutreachPager:
    """Reads from a cursor to the platform's now, or `around` a fact, or a `span`. `open`: there is a window to read."""

    def __init__(
        self,
        settings: EventsSettings,
        host: str | None,
        cursor: bytes = b"",
        around: int | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        self._at: Final = _decode(cursor) if cursor else EventsCursor()
        self._settings: Final = settings
        self._host: Final = host
        self._around: Final = around
        self._span: Final = span
        self._since = 0
        self._until = self._at.end
        self._whole: Final = span is not None or not self._at.end
        self._resumed = self._at.end > 0
        self._size = min(self._at.size or settings.page_size, settings.page_size)
        self._followed = Digests()
        self._begun_again: Final[set[int]] = set()
        self._probed = False
        self._waiting = 0
        self.known: Final = Digests(self._at.known)

    @property
    def open(self) -> bool:
        """Whether there is a window to read."""
        return self._at.end > 0

    async def start(self, api: Api) -> None:
        """Open the first window, or go on with the one that was being read. Raises `Fault`."""
        at = self._at
        if self._around is not None:
            self._begin_around(self._around)
            return
        if self._span is not None:
            self._begin_span(*self._span)
            return
        if api.now < at.head or not at.head:
            await self._look(api)  # our clock is behind theirs, or nothing is known yet
        if not at.head:
            at.head, at.swept = api.now - self._settings.history * 1000, api.now
            self._until = api.now
            self._begin(at.head)
            return
        self._until = max(api.now, self._until)
        if not self.open:
            look_back = self._settings.look_back * 1000
            at.sweeping = api.now - at.swept >= (at.pages - 1) * self._settings.every * 1000
            if at.sweeping:
                at.swept, at.pages = api.now, 0
            self._begin(at.head - (look_back if at.sweeping else min(look_back, _OVERLAP_MS)))

    async def missed(self, api: Api) -> list[bytes]:
        """Return the rows of holes that come now. Raises `Fault`."""
        return [row for hole in self._at.holes if not hole.left for row in await self._ask_for(api, hole.at)]

    def refuse_waiting(self) -> None:
        """Raise `Incomplete` where a hole is to be asked for again."""
        if self._waiting:
            raise Incomplete(f"events of {self._waiting} moments did not come: every page with them fails")

    async def page(self, api: Api) -> list[bytes]:
        """Return the rows of the next page, and open the next window behind the last page of one. Raises `Fault`."""
        at = self._at
        page, rows = await self._ask(api)
        if at.sweeping and at.begin < at.head:
            at.pages += 1
        link = page.links.next if page.links and rows else None
        following = self._follow(link) if link else ()
        if following and (following == at.next or _encode(following) in self._followed):
            raise Unavailable("the link to the next page leads to a page that had it: it would never end")
        self._followed.add(_encode(following))
        at.next = following
        return rows

    def holds(self, row: bytes) -> bool:
        """Return whether a row belongs to the window; one without a time belongs wherever it came."""
        created = created_at(row)
        return created is None or self._at.begin <= created <= self._at.end

    def advance(self, api: Api) -> Cursor:
        """Go on behind a page. Return the cursor that covers it."""
        at = self._at
        if not at.next:
            # Our clock may have been ahead of theirs when the window was opened: then it was the last one, for what
            # is created while later ones are read would be in none of them.
            fresh = at.end > at.head
            at.head = max(at.head, min(at.end, api.now))
            at.swept = min(at.swept, api.now)
            oldest = at.head - self._settings.look_back * 1000 - _OVERLAP_MS  # nothing older is read again
            at.holes = tuple(hole for hole in at.holes if not hole.left or hole.at >= oldest)
            last, at.end = at.end + (at.begin == at.end), 0  # a window of one moment is not begun again
            self._followed = Digests()
            if last < min(self._until, api.now):
                # A window that was left open may have ended where now was then: what shows up late there came since.
                self._open(last - (self._settings.look_back * 1000 if fresh and self._resumed else 0))
            self._resumed = False
        at.size, at.known = self._size, self.known.packed()
        return Cursor(_encode(at), more=self.open, whole=self._whole, since=self._since)

    def _begin(self, since: int) -> None:
        self._since = since
        self._open(since)

    def _begin_around(self, around: int) -> None:
        """Open the window of all rows that may tell facts of these hours; some are created late."""
        before, after = apart(self._settings)
        self._until = around + AROUND_MS + after
        self._begin(max(around - before, 0))

    def _begin_span(self, begin: int, end: int) -> None:
        """Open the first window of a span, or go on with the one that was being read."""
        self._until = end - 1  # a window holds its end
        if not self.open:
            self._at.head = end  # nothing in it is news, for which the look-back would be read as well
            self._begin(begin)

    def _open(self, begin: int) -> None:
        """Open a window, where there is time enough for one."""
        begin, end = around(self._at.holes, begin, min(begin + self._settings.window * 1000, self._until))
        if begin < self._until or (begin == self._until and self._span is not None):
            self._at.begin, self._at.end = begin, max(begin, end)

    async def _look(self, api: Api) -> None:
        """Ask for one row, only to learn the platform's time where a window cannot be made of ours."""
        await api.call(NEWEST)

    async def _ask(self, api: Api) -> tuple[_OutreachPage, list[bytes]]:
        at = self._at
        while True:
            try:
                found, rows = await _listed(api, Call(path=EVENTS, query=self._query(self._size)))
            except TooHeavy as fault:
                if self._size > 1:
                    self._size, at.good = halved(self._size, fault), 0
                elif (found_alone := await self._narrow(api, fault)) is not None:
                    return _NO_PAGE, found_alone
            except Unavailable as fault:
                one = Call(path=EVENTS, query=self._query(1))
                self._size, at.good = await smaller(api, self._size, one, _page, fault), 0
            except (Rejected, Gone) as fault:
                if not at.next or at.begin in self._begun_again:  # what fails twice is not old, and would never end
                    if isinstance(fault, Gone):  # a list is never gone: somebody else answers at its path
                        raise no_route(str(fault)) from None
                    raise
                at.next = ()  # an old link: the window is read from its beginning
                self._begun_again.add(at.begin)
                self._followed = Digests()
            else:
                self._grow()
                return found, rows

    async def _narrow(self, api: Api, fault: TooHeavy) -> list[bytes] | None:
        """Go on with half of a window whose smallest page fails, until it is the moment of the row that breaks it.

        Return None where there is a window to be read, and at last the rows of that moment. Raises the fault where it
        is no row that fails.
        """
        at = self._at
        if not self._probed:
            await _succeeds(api, _window(0, 0, 1), fault)  # in 1970 nothing happened
            self._probed = True
        at.next, self._followed = (), Digests()
        if at.begin < at.end:
            at.end = at.begin + (at.end - at.begin) // 2
            return None
        if len(at.holes) >= MOST_HOLES:
            raise fault
        behind = _window(at.begin + 1, max(at.begin + 1, self._until), 1)
        try:
            await api.part("event", f"behind {at.begin}", [behind, NEWEST])
        except (Incomplete, Unavailable):
            raise fault from None
        at.holes = (*at.holes, Hole(at.begin))
        self._size, at.good = self._settings.page_size, 0  # it was the row, not the size
        return await self._ask_for(api, at.begin)

    async def _ask_for(self, api: Api, moment: int) -> list[bytes]:
        """Return the rows of a hole where they come; where they are given up, they are left."""
        rows: list[bytes] = []
        try:
            answer = await api.part("event", str(moment), [_window(moment, moment, self._settings.page_size)])
            others = tuple(hole for hole in self._at.holes if hole.at != moment)
            rows = (await open_page(_page, answer))[1] if answer is not None else []
            self._at.holes = others if answer is not None else (*others, Hole(moment, left=True))
        except Incomplete:
            self._waiting += 1
        return rows

    def _query(self, size: int) -> Pairs:
        at = self._at
        if at.next:
            return (*at.next, (_SIZE, str(size)))
        return _window(at.begin, at.end, size).query

    def _grow(self) -> None:
        self._at.good += 1
        if self._at.good >= _GROWS_AFTER:
            self._size, self._at.good = min(self._size * 2, self._settings.page_size), 0

    def _follow(self, link: str) -> Pairs:
        """Return the query of a link, without the page size. Raises `Rejected` where it leads to another host."""
        parts = urlsplit(link)
        if parts.hostname not in (None, self._host):
            raise Rejected("the link to the next page leads to another host: look whether base_url is right")
        pairs = dict(parse_qsl(parts.query, keep_blank_values=True))
        return tuple((name, value) for name, value in pairs.items() if name != _SIZE)


def _window(begin: int, end: int, size: int) -> Call:
    """Return the call for a window. Without a size the platform pages by offset, which it has deprecated."""
    window = f"{from_millis(begin)}..{from_millis(end)}"
    query = ("filter[createdAt]", window), ("sort", "createdAt"), ("count", "false"), (_SIZE, str(size))
    return Call(path=EVENTS, query=query)


async def _listed(api: Api, call: Call) -> tuple[_OutreachPage, list[bytes]]:
    """Return a page and its rows. Raises `Fault`."""
    found, rows = await open_page(_page, await api.call(call))
    if bytes(found.rows) == b"null":
        raise Unavailable("a page came that has no list of events")
    return found, rows


async def _succeeds(api: Api, call: Call, fault: TooHeavy) -> None:
    """Return where a call succeeds. Raises the fault where it fails as well."""
    try:
        await api.call(call)
    except TooHeavy:
        raise fault from None


def created_at(row: bytes) -> int | None:
    """Return when a row was created, in milliseconds; None where it does not say, or cannot be read."""
    try:
        created = _row(row).attributes.created_at
        return micros(created) // 1000 if created else None
    except (ValueError, RecursionError):  # msgspec's errors and bad UTF-8 are ValueErrors, too
        return None


def apart(settings: EventsSettings) -> tuple[int, int]:
    """Return how long (ms) before a fact its row may be created, and how long after it: some are created late."""
    return SPAN_SECONDS * 1000, (SPAN_SECONDS + settings.look_back) * 1000


def rewound(since: int, before: bytes) -> bytes:
    """Return a cursor from which all is read that was created since then (ms since the epoch), or since `before`.

    The window of one moment with which it begins lets nothing be read that is older.
    """
    at, since = _decode(before) if before else EventsCursor(), max(since, 1)
    fresh = EventsCursor(size=at.size, good=at.good, holes=at.holes)
    if at.head and at.head <= since:
        return _encode(replace(fresh, head=at.head))
    return _encode(replace(fresh, head=since, begin=since, end=since))
