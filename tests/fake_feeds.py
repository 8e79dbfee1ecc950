"""The polled side of the fake provider: settings, client and feeds. `integration.fake_platform` answers its calls.

The feed `rows` reads a list of the tenant, `trail` a list of each lead, `finder` names leads with news. Rows have no
times: where a time is asked for, it is the number of a row in its list.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Final, Literal

import msgspec
from msgspec import Struct

from headrace.sdk.faults import Denied, Fault, Gone, Rejected, Throttled, Unavailable
from headrace.sdk.feed import Answer, Api, Call, Cursor, Quota, Sighting, Tokens, Turn, Yield
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import RawEvent
from headrace.sdk.retry_after import retry_after
from headrace.sdk.settings import PolledTenant
from headrace_events import Via

FAST: Final = CallLimits(per_window=10_000, window=0.01)


class FakeSettings(PolledTenant, kw_only=True):
    """`refresh` is the first refresh token; without it `key` is the static access token.

    Feeds read on from their cursors; with `says_since` they say that they do, and read all rows around a fact. Spans
    `lack` a row that is given up with each page, or what cannot be read.
    """

    key: str = "good"
    refresh: str = ""
    limits: CallLimits = FAST
    page: int = 7
    every: int = 3_600
    says_since: bool = False
    apart: tuple[int, int] = (0, 0)
    lack: Literal["", "given up", "unread"] = ""


class Page(Struct):
    """What lists answer."""

    rows: list[msgspec.Raw] = []
    leads: list[str] = []
    last: int = 0
    more: bool = False


class Listing:
    """A feed over one list."""

    def __init__(self, name: str, path: str, settings: FakeSettings, *, by_lead: bool = False) -> None:
        self.name = name
        self.by_lead = by_lead
        self.every = settings.every
        self.apart = settings.apart
        self._path = path
        self._page = settings.page
        self._says_since = settings.says_since
        self._lack = settings.lack if not by_lead else ""

    def rewound(self, since: int, before: bytes) -> bytes:
        """Return the cursor at the row of that number, or where it stands before it."""
        return b"%d" % min(since, int(before or since))

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read pages until the list has no more."""
        if turn.event is not None:
            with contextlib.suppress(Gone):
                yield _raw(api, await api.call(Call(path=f"/rows/{turn.event}")))
            return
        since = api.now if self._says_since and cursor else 0
        begin, end = turn.span or (0, None)
        after, more = int(cursor or begin), True
        while more:
            path = self._path.format(lead=turn.lead)
            size = self._page if end is None else min(self._page, end - after)
            body = await api.call(Call(path=path, query=(("after", str(after)), ("size", str(size)))))
            page = msgspec.json.decode(body, type=Page)
            for row in page.rows:
                yield _raw(api, bytes(row))
            for lead in page.leads:
                yield Sighting(lead)
            api.remember("seen", str(page.last))
            after, more = page.last, page.more and (end is None or page.last < end)
            if end is not None and self._lack == "given up":
                api.leave_out("row", str(after))
            unread = "set more" if self._lack == "unread" else ""
            at = b"%d" % after if turn.around is None else b"0"
            yield Cursor(at, more=more and end is not None, whole=not unread, since=since, unread=unread)


class Bloated(Listing):
    """A feed whose cursor takes more than any record may."""

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Yield nothing but the cursor."""
        assert (api.tenant, turn.event) == ("bad", None)
        yield Cursor(cursor or bytes(2_000_000))


def _raw(api: Api, row: bytes) -> RawEvent:
    return RawEvent(provider="things", tenant=api.tenant, shape="row", value=row, via=Via.POLL, received=api.now)


class RotatingTokens:
    """Tokens that rotate."""

    pause = 0.2

    def __init__(self, first: str) -> None:
        self.first = first

    def mint(self, refresh: str) -> Call:
        """See Tokens."""
        return Call(path="/token", method="POST", body=refresh.encode())

    def minted(self, body: bytes) -> tuple[str, str, float]:
        """See Tokens."""
        access, refresh, seconds = msgspec.json.decode(body, type=tuple[str, str, float])
        return access, refresh, seconds


class FakeClient:
    """Signs calls and classifies answers."""

    def __init__(self, settings: FakeSettings) -> None:
        self.base_url = settings.base_url
        self.limits = settings.limits
        self.tokens: Tokens | None = RotatingTokens(settings.refresh) if settings.refresh else None
        self._key = settings.key

    def sign(self, call: Call, token: str | None) -> Call:
        """Put the token into the query, where it must never be shown."""
        return msgspec.structs.replace(call, query=(*call.query, ("key", token or self._key)))

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """See ApiClient."""
        faults: dict[int, Fault] = {
            401: Denied("it says no"),
            404: Gone("it is not there"),
            422: Rejected("it will never be"),
            429: Throttled("too many", retry_after(answer.headers.get("retry-after"), now)),
        }
        return None if answer.status == 200 else faults.get(answer.status, Unavailable(f"status {answer.status}"))

    def quota(self, answer: Answer, now: float) -> Quota | None:
        """See ApiClient."""
        left = answer.headers.get("x-left")
        return Quota(int(left), now + float(answer.headers["x-resets-in"])) if left else None
