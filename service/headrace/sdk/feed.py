"""The contract of a feed: what reading one list of one platform means, apart from when, how often and whether again.

A feed calls through an `Api`, yields raw events, then the `Cursor` that covers them. It never sleeps, stores or tries
again: the runner does, from the last cursor that it stored. A call that brings nothing raises a `Fault` (`faults.py`).
"""

from collections.abc import AsyncIterator, Mapping as Headers, Sequence
from typing import Final, Literal, Protocol, runtime_checkable

from msgspec import Struct
from msgspec.structs import force_setattr

from headrace.sdk.faults import Fault
from headrace.sdk.json_structure import without_bom
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import RawEvent, Tenant

Pairs = tuple[tuple[str, str], ...]

AROUND_MS: Final = 6 * 3_600_000
"""Facts of so many hours share one turn around them. Such a turn also reads how late their rows may come: with fewer
hours a long outage would be read many times over, with more a single fact would cost too many calls."""


class Call(Struct, frozen=True, kw_only=True):
    """One request: `path` is joined to the tenant's `base_url`, or is a whole URL on the same host."""

    path: str
    method: Literal["GET", "POST", "DELETE"] = "GET"
    query: Pairs = ()
    headers: Pairs = ()
    body: bytes = b""


class Answer(Struct, frozen=True):
    """What came back: header names in lower case, the body without a byte order mark."""

    status: int
    headers: Headers[str, str]
    body: bytes

    def __post_init__(self) -> None:
        """Take the mark off."""
        force_setattr(self, "body", without_bom(self.body))


class Quota(Struct, frozen=True):
    """What the platform says is left: `left` calls until `resets` (seconds since the epoch)."""

    left: int
    resets: float


class Cursor(Struct, frozen=True):
    """Everything yielded before it is covered by `value`. `more`: the same feed has more to bring at once.

    `whole` is False where the feed knows that it could not read everything that it should, or read a part of it in a
    turn before; `unread` is what it cannot read with these settings, in a sentence with what to set. `since` is the
    oldest moment at which it looked in this turn, in ms by the platform's clock: 0 where it looked at everything there
    is, or where no webhook is left to it.
    """

    value: bytes
    more: bool = False
    whole: bool = True
    since: int = 0
    unread: str = ""


class Sighting(Struct, frozen=True):
    """A lead that the feed came across: it is watched from now on, and its feed woken.

    `at` (ms by the platform's clock) is when it had its news, 0 where nobody knows: a lead that was read since is not
    woken. Nor is one whose news the feed brought itself (`brought`), unless that may hide others (`unsure`): then it is
    woken behind those that have news for certain.
    """

    lead: str
    at: int = 0
    brought: bool = False
    unsure: bool = False


class Note(Struct, frozen=True):
    """A part of what the feed remembers, of a key of its own: stored with the cursor that follows, read by `Api.note`.

    It is for what one cursor of a megabyte cannot hold. An empty value is forgotten.
    """

    key: str
    value: bytes


class Skipped(Struct, frozen=True):
    """Rows that the feed left out on purpose, counted by reason: `outside` the window, `unchanged` since last time.

    `rows` are their bytes, of shape `shape`: what was read is brought, whether it is appended or not.
    """

    reason: Literal["outside", "unchanged", "repeated"]
    shape: str
    rows: Sequence[bytes]


Yield = RawEvent | Cursor | Sighting | Skipped | Note


class Turn(Struct, frozen=True, kw_only=True):
    """What one turn of a feed reads: a lead for feeds that are read by lead, an event where a nudge named one.

    A feed by lead whose turn names an event alone reads no more than that, and yields no cursor.

    `around` (ms since the epoch) asks for the rows of facts from then until `AROUND_MS` later, and for them alone:
    those created in these hours, and as much before and later as such rows may be. Only a feed that says `since` has
    such turns, for what is older. They begin with an empty cursor, and no cursor of theirs is stored.

    `span` (ms since the epoch, from the first until before the second) asks for the rows that were created or changed
    then, and for them alone, whatever the feed knows of them. Such a turn begins with an empty cursor, or with one that
    another turn of the same span yielded with `more`; it yields no `Note`. Its last cursor, without `more`, is `whole`
    where all of the span was read, in however many turns.
    """

    lead: str | None = None
    event: str | None = None
    around: int | None = None
    span: tuple[int, int] | None = None


class Api(Protocol):
    """The platform, as one tenant may ask it."""

    @property
    def tenant(self) -> str:
        """The tenant's name, which is part of every raw event."""

    @property
    def now(self) -> int:
        """Milliseconds since the epoch by the platform's clock; by ours, before the first answer."""

    async def call(self, call: Call) -> bytes:
        """Return the body of a good answer. Raises `Fault`; transient faults were tried again before."""

    async def part(self, kind: str, id: str, calls: Sequence[Call], *, guess: bool = False) -> bytes | None:  # noqa: A002  (the design's word)
        """Return a part of a row, of which each of the calls may bring the whole; None where there is none.

        `kind` is a word of a bounded set, `id` the part's own. `guess`: nothing says that there is such a part. Raises
        `Incomplete` where the row is to wait for another turn while all others go on, and every other `Fault` where
        the platform brings none of the kind.
        """

    def leave_out(self, kind: str, id: str) -> None:  # noqa: A002  (the design's word)
        """Show that something does not come, and that nothing waits for it any more; kinds are as those of `part`."""

    def note(self, feed: str, key: str) -> bytes:
        """Return what a feed of this tenant noted under a key, in this turn or before; nothing where it did not."""

    def position(self, feed: str, lead: str) -> bytes:
        """Return the stored cursor of a feed of this tenant, and of a lead; nothing where there is none."""

    def recall(self, name: str) -> str | None:
        """Return a fact about this tenant's platform, None where it is not known: seen in one turn only, or long ago.

        The turn answers the question itself then.
        """

    def remember(self, name: str, value: str | None) -> None:
        """Note that this turn had a clear answer to the question; None where one is contrary to what is remembered.

        It is stored with the next cursor, and known once two turns have seen it.
        """


class Feed(Protocol):
    """One list of one platform. `every` is in seconds: how long it may rest when nothing wakes it."""

    name: str
    by_lead: bool
    every: int

    def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:
        """Read on from a cursor (empty at first) to where the platform has no more now. Raises `Fault`."""

    def rewound(self, since: int, before: bytes) -> bytes:
        """Return a cursor from which all is read that was created or changed since then (ms since the epoch).

        It only goes back: what a reading on from the cursor `before` would bring is read as well, however far behind
        that stands. It is empty where nothing was read yet.
        """


@runtime_checkable
class FindsLeads(Protocol):
    """A feed that brings no rows, only leads, for others to read."""

    finds_leads_only: Literal[True]


@runtime_checkable
class RowsApart(Protocol):
    """A feed whose rows may be created so long before a fact that they tell, and so long after it (`apart`, ms)."""

    apart: tuple[int, int]


class Tokens(Protocol):
    """How access tokens are had where a platform hands them out against a refresh token that changes each time."""

    first: str
    """The refresh token of the configuration."""
    pause: float
    """Seconds that must lie between two mints."""

    def mint(self, refresh: str) -> Call:
        """Return the call for a new access token."""

    def minted(self, body: bytes) -> tuple[str, str, float]:
        """Return what the answer brings: access token, next refresh token, seconds until the access token expires."""


class ApiClient(Protocol):
    """Signs the requests of one tenant, and judges the answers. Pure."""

    base_url: str
    limits: CallLimits
    tokens: Tokens | None

    def sign(self, call: Call, token: str | None) -> Call:
        """Return the call with the credentials added."""

    def judge(self, answer: Answer, now: float) -> Fault | None:
        """Return what is wrong with an answer, None where it is good. `now`: seconds since the epoch."""

    def quota(self, answer: Answer, now: float) -> Quota | None:
        """Return what is left, None where the platform does not say. `now`: seconds since the epoch."""


@runtime_checkable
class NamesCodes(Protocol):
    """What a provider offers beside `Polled` where a feed learns how an account calls its codes: a help for people."""

    names_note: tuple[str, str]
    """The feed, and the key of its note that has them."""

    def code_names(self, note: bytes, /) -> Headers[str, str]:
        """Return the name of each code. Raises what msgspec raises where it is no such note."""


@runtime_checkable
class Polled(Protocol):
    """What a provider that can be polled offers beside `Provider`; its `Settings` derive from `PolledTenant`."""

    def client(self, settings: Tenant) -> ApiClient | None:
        """Return how to call; None where this tenant has no credentials."""

    def feeds(self, settings: Tenant) -> Sequence[Feed]:
        """Return the feeds that there are."""

    def single(self, settings: Tenant, resource: str, id: str) -> Sequence[Call]:  # noqa: A002  (the design's word)
        """Return the calls that may bring one record, to be tried in turn while each is `Gone`."""
