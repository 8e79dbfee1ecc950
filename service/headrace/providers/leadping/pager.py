"""Page through a lead's list: what to ask next, which rows are new, and the cursor behind each page.

A pager covers all rows created since a moment. It goes on where it was left: the continuation token is part of the
cursor. Where the platform does not take the token any more, it begins again, and what it knows by digest is skipped.
The list is `POST /events/leads/{leadId}`, https://leadping.ai/docs/api-reference.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from headrace.core.timestamps import from_millis, micros
from headrace.providers.leadping.client import at
from headrace.providers.leadping.hydrate import EventHead
from headrace.providers.leadping.list_pages import ListPages
from headrace.providers.leadping.nudge import SPAN_SECONDS
from headrace.providers.leadping.settings import LeadEventsSettings
from headrace.sdk.faults import Gone, Incomplete, Rejected
from headrace.sdk.feed import AROUND_MS, Api, Call, Cursor, Turn
from headrace.sdk.row_digests import Digests

_PATH: Final = "/events/leads/{}"
_PLAIN: Final = "lists-are-plain"
"""The fact that this tenant's generation refuses ranges and orders: what may be named in them is not published. It is
seen where the platform refuses a ranged call in its own form, and at once answers the plain one for the same page."""
_FIELD: Final = "createdAt"
_READ_ON: Final = Turn()


class LeadEventsCursor(Struct, omit_defaults=True):
    """The cursor: times in milliseconds by the platform's clock; `begun` is 0 between two readings.

    `since` bounds the reading, `known` are the rows of the one before, `fresh` those of this one that the next one will
    meet again, and `passed` those that it will not. What was created since `again` (0: nothing) is read whatever is
    known of it, and whatever the feed of all leads brought; an earlier version wrote True, which is 1.
    """

    since: int = 0
    begun: int = 0
    token: str | None = None
    known: bytes = b""
    fresh: bytes = b""
    passed: bytes = b""
    again: int | bool = 0


_decode: Final = msgspec.json.Decoder(LeadEventsCursor).decode
_encode: Final = msgspec.json.Encoder().encode


class LeadPingPager(ListPages):
    """Reads the list of one lead from a cursor, or the rows of a `span`, or what may tell facts `around` a moment.

    These are the rows created in its hours, and in the look-back before them, for rows change in place. `begun`: ms
    since the epoch. Of `rows` that it read, `waiting` wait for one of their parts.
    """

    whole_bundles: bool = True

    def __init__(self, lead: str, settings: LeadEventsSettings, cursor: bytes = b"", turn: Turn = _READ_ON) -> None:
        position = _decode(cursor) if cursor else LeadEventsCursor()
        if turn.around is not None:
            position = LeadEventsCursor(since=max(turn.around - settings.look_back * 1000, 1))
        if turn.span is not None and not cursor:
            position = LeadEventsCursor(since=max(turn.span[0], 1))
        super().__init__(settings.page_size, position.token)
        self._again: Final = position.again
        self._reads_on: Final = turn.around is None and turn.span is None
        self._is_span: Final = turn.span is not None
        self._until: Final = _end_of(turn)
        self.begun = position.begun
        self._path: Final = at(_PATH, lead)
        self._look_back: Final = settings.look_back * 1000
        self._since: Final = position.since
        self._looked_since = position.since
        self._resumed: Final = position.begun > 0
        self._plain = self._refused = False
        self.rows = self.waiting = 0
        self._known: Final = Digests(position.known)
        self._fresh: Final = Digests(position.fresh)
        self._passed: Final = Digests(position.passed)

    async def page(self, api: Api) -> list[bytes]:
        """Return the rows of the next page. Raises `Fault`."""
        self._plain = self._plain or api.recall(_PLAIN) is not None
        self._refused = False
        rows = await super().page(api)
        self.begun = self.begun or api.now
        self.rows += len(rows)
        return rows

    def skips(self, row: bytes, head: EventHead | None) -> Literal["repeated", "outside", "unchanged"] | None:
        """Return why a row needs no hydrating, None where it does."""
        if row in self._fresh or row in self._passed:
            return "repeated"
        made = created(head)
        if made is not None and made < self._since:
            return "outside"  # the platform did not keep to the range
        if made is not None and self._until is not None and made >= self._until:
            return "outside"  # it was created after the span, or the facts in question
        if row in self._known and not self._is_read_again(made):
            self.keep(row, head)
            return "unchanged"
        return None

    def wants_news(self, head: EventHead | None) -> bool:
        """Return whether a row is left to the feed of all leads where that has brought it."""
        return self._reads_on and not self._is_read_again(created(head))

    def keep(self, row: bytes, head: EventHead | None) -> None:
        """Know a row from now on: in this reading, should it begin again, and in the next if that will meet it."""
        made = created(head)
        self.moved = True
        if made is None or made >= self.begun - self._look_back:
            self._fresh.add(row)
        else:
            self._passed.add(row)

    def wait(self, row: bytes) -> None:  # noqa: ARG002  (it needs no name)
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
            return Cursor(_encode(done), whole=self._is_one_reading, since=self._looked_since)
        digests = (self._known.packed(), self._fresh.packed(), self._passed.packed())
        token = None if self.waiting else self.token
        at = LeadEventsCursor(self._since, self.begun, token, *digests, again=self._again)
        return Cursor(_encode(at), more=not self.whole, whole=not self.waiting)

    def _is_read_again(self, made: int | None) -> bool:
        return bool(self._again) and (made is None or made >= self._again)

    @property
    def _is_one_reading(self) -> bool:
        return self._is_span or self.begun_again or not self._resumed

    def call(self, size: int) -> Call:
        """See ListPages."""
        body: dict[str, object] = {"pageSize": size}
        if self.token is not None:
            body["continuationToken"] = self.token
        if not self._plain:
            body["orderBy"] = [{"field": _FIELD, "direction": "asc"}]
            if self._since:
                body["rangeFilters"] = [{"field": _FIELD, "greaterThanOrEqual": from_millis(self._since)}]
        return Call(path=self._path, method="POST", body=_encode(body))

    def changes(self, fault: Gone | Rejected) -> bool:
        """See ListPages: a list whose ranges are refused is asked for plainly."""
        if self._plain or not isinstance(fault, Rejected):
            return False
        self._plain = self._refused = True
        return True

    def disturbed(self) -> None:
        """See ListPages: what was refused before is not what came."""
        self._refused = False

    def answered(self, api: Api) -> None:
        """See ListPages."""
        if self._plain:
            self._looked_since = 0
        if self._refused or not self._plain:
            api.remember(_PLAIN, "yes" if self._refused else None)


def _end_of(turn: Turn) -> int | None:
    """Return before when (ms) the rows that a turn reads were created, None where that is open."""
    if turn.span is not None:
        return turn.span[1]
    return None if turn.around is None else turn.around + AROUND_MS + SPAN_SECONDS * 1000


def rewound(since: int, before: bytes) -> bytes:
    """Return a cursor from which all is read that was created since then (ms since the epoch), or since `before`."""
    at, since = _decode(before) if before else LeadEventsCursor(since=since), max(since, 1)
    known = Digests(at.known + at.passed + at.fresh).packed()
    return _encode(LeadEventsCursor(since=min(at.since, since), known=known, again=since))


def was_listed(cursor: bytes, row: bytes) -> bool:
    """Return whether the reading of a lead that yielded this cursor brought a row as it is, with its parts."""
    if not cursor:
        return False
    position = _decode(cursor)
    return row in Digests(position.known) or row in Digests(position.fresh)


def created(head: EventHead | None) -> int | None:
    """Return when a row was created, in milliseconds; None where it does not say so in a known form."""
    if head is None or not head.created_at:
        return None
    try:
        return micros(head.created_at) // 1000
    except ValueError:
        return None
