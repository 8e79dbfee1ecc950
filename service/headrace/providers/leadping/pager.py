"""Page through a lead's list: what to ask next, which rows are new, and the cursor behind each page.

A pager covers all rows created since a moment. It goes on where it was left: the continuation token is part of the
cursor. Where the platform does not take the token any more, it begins again, and what it knows by digest is skipped.
The list is `POST /events/leads/{leadId}`, https://leadping.ai/docs/api-reference.
"""

from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct, field

from headrace.core.timestamps import from_millis, micros
from headrace.providers.leadping.client import at
from headrace.providers.leadping.hydrate import EventHead
from headrace.providers.leadping.nudge import SPAN_SECONDS
from headrace.providers.leadping.settings import LeadEventsSettings
from headrace.sdk.faults import Gone, Incomplete, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import AROUND_MS, Api, Call, Cursor
from headrace.sdk.page_probe import smaller
from headrace.sdk.page_size import halved
from headrace.sdk.pages import Page, open_page
from headrace.sdk.row_digests import Digests

_PATH: Final = "/events/leads/{}"
_PLAIN: Final = "lists-are-plain"
"""The fact that this tenant's generation refuses ranges and orders: what may be named in them is not published. It is
seen where the platform refuses a ranged call in its own form, and at once answers the plain one for the same page."""
_FIELD: Final = "createdAt"


class LeadEventsCursor(Struct, omit_defaults=True):
    """The cursor: times in milliseconds by the platform's clock; `begun` is 0 between two readings.

    `since` bounds the reading, `known` are the rows of the one before, `fresh` those of this one that the next one will
    meet again, and `passed` those that it will not.
    """

    since: int = 0
    begun: int = 0
    token: str | None = None
    known: bytes = b""
    fresh: bytes = b""
    passed: bytes = b""


class _LeadPingPage(Page, rename="camel"):
    rows: Raw = field(default=Raw(b""), name="items")
    continuation_token: str | None = None


_decode: Final = msgspec.json.Decoder(LeadEventsCursor).decode
_page: Final = msgspec.json.Decoder(_LeadPingPage)
_encode: Final = msgspec.json.Encoder().encode


class LeadPingPager:
    """Reads the list of one lead from a cursor, or what may tell facts `around` a moment.

    These are the rows created in its hours, and in the look-back before them, for rows change in place. `whole` once
    the last page was read; `begun`: ms since the epoch. Of `rows` that it read, `waiting` wait for one of their parts.
    """

    def __init__(self, lead: str, settings: LeadEventsSettings, cursor: bytes = b"", around: int | None = None) -> None:
        position = _decode(cursor) if cursor else LeadEventsCursor()
        if around is not None:
            position = LeadEventsCursor(since=max(around - settings.look_back * 1000, 1))
        self._until: Final = None if around is None else around + AROUND_MS + SPAN_SECONDS * 1000
        self.begun = position.begun
        self.whole = False
        self._path: Final = at(_PATH, lead)
        self._look_back: Final = settings.look_back * 1000
        self._since: Final = position.since
        self._looked_since = position.since
        self._resumed = position.begun > 0
        self._token = position.token
        self._sent = Digests()
        self._moved = True
        self._size = settings.page_size
        self._plain = False
        self.rows = self.waiting = 0
        self._last: Call | None = None
        self._known: Final = Digests(position.known)
        self._fresh: Final = Digests(position.fresh)
        self._passed: Final = Digests(position.passed)

    async def page(self, api: Api) -> list[bytes]:
        """Return the rows of the next page. Raises `Fault`."""
        found, rows = await self._ask(api)
        if self._token is not None:  # none where an old one was refused
            self._sent.add(self._token.encode())
        self.begun = self.begun or api.now
        self._token = found.continuation_token or None
        if self._token is not None and self._token.encode() in self._sent:
            raise Unavailable("the continuation token of a page is that of a page before: it would never end")
        self.rows += len(rows)
        self.whole = self._token is None  # a page without rows may have pages behind it
        return rows

    async def again(self, api: Api) -> list[bytes]:
        """Return the rows of the last page as they are now; none where it cannot be had again. Raises `Fault`."""
        try:
            answer = await api.call(self._last) if self._last else None
        except (Gone, Rejected, TooHeavy):
            return []
        try:
            return (await open_page(_page, answer))[1] if answer is not None else []
        except (TooHeavy, Unavailable):
            return []  # no page: what it would tell is not urgent

    def skips(self, row: bytes, head: EventHead | None) -> Literal["repeated", "outside", "unchanged"] | None:
        """Return why a row needs no hydrating, None where it does."""
        if row in self._fresh or row in self._passed:
            return "repeated"
        made = created(head)
        if made is not None and made < self._since:
            return "outside"  # the platform did not keep to the range
        if made is not None and self._until is not None and made > self._until:
            return "outside"  # it was created after the facts in question
        if row in self._known:
            self.keep(row, head)
            return "unchanged"
        return None

    def keep(self, row: bytes, head: EventHead | None) -> None:
        """Know a row from now on: in this reading, should it begin again, and in the next if that will meet it."""
        made = created(head)
        self._moved = True
        if made is None or made >= self.begun - self._look_back:
            self._fresh.add(row)
        else:
            self._passed.add(row)

    def wait(self) -> None:
        """Let a row wait: it is not known, and the next reading begins again to meet it, and skips what is known."""
        self.waiting += 1

    def refuse_waiting(self) -> None:
        """Raise `Incomplete` where a row waits."""
        if self.waiting:
            raise Incomplete(f"the detail or call of {self.waiting} of {self.rows} events did not come")

    def cursor(self) -> Cursor:
        """Return the cursor that covers all pages so far, but the rows that wait."""
        if self.whole and not self.waiting:
            done = LeadEventsCursor(since=max(self.begun - self._look_back, 1), known=self._fresh.packed())
            return Cursor(_encode(done), whole=not self._resumed, since=self._looked_since)
        digests = (self._known.packed(), self._fresh.packed(), self._passed.packed())
        token = None if self.waiting else self._token
        at = LeadEventsCursor(self._since, self.begun, token, *digests)
        return Cursor(_encode(at), more=not self.whole, whole=not self.waiting)

    async def _ask(self, api: Api) -> tuple[_LeadPingPage, list[bytes]]:
        self._plain = self._plain or api.recall(_PLAIN) is not None
        refused = False
        while True:
            self._last = self._call(self._size, plain=self._plain)
            try:
                found, rows = await open_page(_page, await api.call(self._last))
            except TooHeavy as fault:
                self._size, refused = halved(self._size, fault), False
            except Unavailable as fault:
                one = self._call(1, plain=self._plain)
                self._size, refused = await smaller(api, self._size, one, _page, fault), False
            except (Gone, Rejected) as fault:
                if self._token is not None:  # it may have expired: the lead need not be gone
                    self._begin_again()
                elif not self._plain and isinstance(fault, Rejected):
                    self._plain = refused = True
                else:
                    raise
            else:
                if self._plain:
                    self._looked_since = 0
                if refused or not self._plain:
                    api.remember(_PLAIN, "yes" if refused else None)
                return found, rows

    def _begin_again(self) -> None:
        """Read from the first page. Raises `Rejected` where the reading got no further since it last did."""
        if not self._moved:
            raise Rejected("a page is refused again and again: its continuation token, or what it would bring")
        self._token, self._moved, self._resumed = None, False, False
        self._sent = Digests()

    def _call(self, size: int, *, plain: bool) -> Call:
        body: dict[str, object] = {"pageSize": size}
        if self._token is not None:
            body["continuationToken"] = self._token
        if not plain:
            body["orderBy"] = [{"field": _FIELD, "direction": "asc"}]
            if self._since:
                body["rangeFilters"] = [{"field": _FIELD, "greaterThanOrEqual": from_millis(self._since)}]
        return Call(path=self._path, method="POST", body=_encode(body))


def rewound(since: int) -> bytes:
    """Return a cursor from which all is read that was created since then (ms since the epoch)."""
    return _encode(LeadEventsCursor(since=max(since, 1)))


def created(head: EventHead | None) -> int | None:
    """Return when a row was created, in milliseconds; None where it does not say so in a known form."""
    if head is None or not head.created_at:
        return None
    try:
        return micros(head.created_at) // 1000
    except ValueError:
        return None
