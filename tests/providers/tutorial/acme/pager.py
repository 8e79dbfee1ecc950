"""Step 8. Page through the list: what to ask next, which rows are new, and the cursor behind each page.

`GET /events?since=…&limit=…&page=…` lists what changed since a time, in milliseconds. Rows may show up late, so each
reading begins `look_back` before the newest row of the last one: what was read then is known by its digest.
"""

from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from headrace.sdk.faults import Gone, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Api, Call, Cursor
from headrace.sdk.page_size import halved
from headrace.sdk.row_digests import Digests
from tests.providers.tutorial.acme.client import EVENTS
from tests.providers.tutorial.acme.settings import AcmeEventsSettings
from tests.providers.tutorial.acme.wire import AcmePage, decode_key, decode_page


class AcmeCursor(Struct, omit_defaults=True):
    """The cursor: a reading from `since` stands before the page `next`; `newest` and `known` are of the rows so far."""

    since: int = 0
    next: str | None = None
    newest: int = 0
    known: bytes = b""


_decode: Final = msgspec.json.Decoder(AcmeCursor).decode
_encode: Final = msgspec.json.Encoder().encode


class AcmePager:
    """Reads from a cursor to the end of the list; `whole` once the last page was read."""

    def __init__(self, settings: AcmeEventsSettings, cursor: bytes) -> None:
        self.whole = False
        self._at: Final = _decode(cursor) if cursor else AcmeCursor()
        self._known: Final = Digests(self._at.known)
        self._size = settings.page_size
        self._look_back_ms: Final = settings.look_back * 1000

    async def page(self, api: Api) -> list[bytes]:
        """Return the rows of the next page. Raises `Fault`."""
        page = await self._fetch(api)
        if page.next is not None and page.next == self._at.next:
            raise Unavailable("a page leads to itself: it would never end")
        self._at.next = page.next
        self.whole = page.next is None
        return [bytes(row) for row in page.events]

    def is_new(self, row: bytes) -> bool:
        """Return whether a row was not read before, and know it from now on."""
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # then it becomes a dead letter in raw
            self._at.newest = max(self._at.newest, decode_key(row).changed)
        return self._known.add(row)

    def cursor(self) -> Cursor:
        """Return the cursor that covers all pages so far."""
        if self.whole:
            self._at.since = max(self._at.newest - self._look_back_ms, 0)
        self._at.known = self._known.packed()
        return Cursor(_encode(self._at), more=not self.whole)

    async def _fetch(self, api: Api) -> AcmePage:
        """Ask for a page, and answer the faults that another call can answer: fewer rows, the first page."""
        while True:
            try:
                return decode_page(await api.call(self._call()))
            except TooHeavy as fault:
                self._size = halved(self._size, fault)
            except (Gone, Rejected):
                if self._at.next is None:
                    raise
                self._at.next = None  # an old token: the list is read from `since` again
            except msgspec.DecodeError:
                raise Unavailable("a page came that has no list of events") from None

    def _call(self) -> Call:
        page = () if self._at.next is None else (("page", self._at.next),)
        return Call(path=EVENTS, query=(("since", str(self._at.since)), ("limit", str(self._size)), *page))


def rewound(since: int, before: bytes) -> bytes:
    """Return a cursor from which all is read that was changed since then (ms since the epoch), or since `before`."""
    at = _decode(before) if before else AcmeCursor(since)
    return _encode(AcmeCursor(min(at.since, since), newest=at.newest))
