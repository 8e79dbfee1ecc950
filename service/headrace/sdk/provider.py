"""The contract of a provider: everything about one sales platform is behind these names, and pure.

A provider is a folder with a module-level `provider` that satisfies `Provider`. It cuts what the platform sends into
raw events, names them (`identity`) and turns them into drafts of canonical events (`translate`). It never does I/O and
never looks at the clock: `RawEvent.received` and `Delivery.received` carry the time.
"""

from collections.abc import Iterable, Iterator, Mapping as Headers, Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal, Protocol

from msgspec import Meta, Struct

from headrace.core.contradiction import Contradiction
from headrace.core.mapping import Mapping, Row
from headrace.core.redaction import Redaction
from headrace_events import Data, Problem, Provenance, RawPosition, Via

Version = Annotated[int, Meta(gt=0, le=2**63 - 1)] | Literal["unknown"] | None
"""None: immutable. "unknown": this shape does not carry it. A number: higher is newer (0 < n < 2**63)."""

UNREADABLE: Final = "unreadable"
"""The shape of a body that could not be cut: it goes to raw whole, and becomes a dead letter there."""

UNPUBLISHED: Final = Provenance(
    via="", received="", raw=RawPosition(topic="", partition=-1, offset=-1), mapping="", row=""
)
"""What a draft carries as provenance until it is published."""


class Tenant(Struct, forbid_unknown_fields=True, kw_only=True):
    """The settings that every tenant has; a provider's `Settings` adds its own.

    A `paused` tenant is not polled; its deliveries are taken into raw all the same. `redact` is what its events lack.
    """

    polling: bool = False
    paused: bool = False
    webhook_secrets: list[str] = []
    webhook_secrets_file: str | None = None
    mapping: str | None = None
    redact: Redaction = Redaction()

    @property
    def is_polled(self) -> bool:
        """Return whether a poller reads the tenant's feeds now."""
        return self.polling and not self.paused

    @property
    def takes_webhooks(self) -> bool:
        """Return whether deliveries of the tenant are accepted at all."""
        return bool(self.webhook_secrets)

    def reads(self, feed: str) -> bool:  # noqa: ARG002  (a polled tenant may choose its feeds)
        """Return whether a feed of that name is read for this tenant."""
        return self.polling

    def faults(self) -> Iterable[Contradiction]:
        """Return what is wrong together when a configuration is loaded. No value is quoted."""
        return ()

    def __repr__(self) -> str:
        """Write the settings with nothing in them that may not be logged."""
        return f"{type(self).__name__}(polling={self.polling}, {len(self.webhook_secrets)} secrets)"


class Piece(Struct, frozen=True, gc=False):
    """One record as cut from a body: its bytes untouched, the shape they have, and a hint that is not in them.

    `hint` is what only the outside shows, such as the kind of a webhook; it is stored in raw and never a secret.
    """

    shape: str
    value: bytes
    hint: str = ""


class Identity(Struct, frozen=True, gc=False):
    """What a record is about, in canonical form (GUIDs lower-case, integers as text), and which version of it."""

    resource: str
    id: str
    version: Version


@lru_cache(maxsize=4096)
def source_of(provider: str, tenant: str) -> str:
    """Return `/<provider>/<tenant>`, the CloudEvents source of a tenant's events."""
    return f"/{provider}/{tenant}"


class RawEvent(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One record of one tenant: its bytes as received, and everything else that Headrace keeps of it.

    `received` is in milliseconds since the epoch. `resource`, `id` and `version` are the record's identity, set on its
    way into raw: providers leave them empty, and they stay empty where a record carries no name. `replay` names the
    mapping that a replayed record waits for, `replaces` the state of the mark that it was made for, `becomes` the
    digest of the event that it has to become, `later` that it becomes `Draft.later` (records/replayed.py); `redriven`
    marks a dead letter that was sent back, and `letter` is its place on dead-letters, `<partition>@<offset>`.
    `as_told` marks a webhook's record that woke a feed which did not bring it: it is judged as if the tenant were not
    polled. `twin` marks a feed's row whose fact was published so, under an id that the row does not share: it is a
    duplicate.
    `held` is the place on raw, `<partition>@<offset>`, of the record that was held until its tenant went on and that
    this one is a copy of; `expired` marks one that was held for too long. `traceparent` is the context of the trace
    that the delivery was part of (W3C Trace Context), an empty string where it named none: no part of what it says.

    On raw, `value` is the record's value and all other fields are its one header, in this order (records/raw.py).
    """

    provider: str
    tenant: str
    resource: str = ""
    id: str = ""
    version: Version = None
    shape: str
    via: Via
    received: Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]  # before the year 10000: it must fit a text
    hint: str = ""
    delivery: str = ""
    replay: str = ""
    replaces: str = ""
    becomes: str = ""
    later: bool = False
    redriven: bool = False
    letter: str = ""
    as_told: bool = False
    twin: bool = False
    swept: bool = False
    held: str = ""
    expired: bool = False
    traceparent: str = ""
    value: bytes = b""

    @property
    def source(self) -> str:
        """`/<provider>/<tenant>`, the CloudEvents source."""
        return source_of(self.provider, self.tenant)

    @property
    def identity(self) -> Identity | None:
        """The identity that was computed on the way into raw, None where there was none."""
        return Identity(self.resource, self.id, self.version) if self.id else None


class Nudge(Struct, frozen=True, gc=False, omit_defaults=True):
    """Feed `feed` has news, of lead `lead` or event `event` where known.

    A row with the webhook record's own resource and id brings it. Where the platform shares no id between its ways,
    `span` says so: then a row brings it that becomes an event of one of `types` (the draft's own where there are none),
    agrees with all of `traits` that it knows, and with one at least, and lies at most `span` seconds away in time.
    Traits are compared with the refs and fields of a row's event.
    """

    feed: str
    lead: str | None = None
    event: str | None = None
    types: tuple[str, ...] = ()
    traits: Headers[str, str] = {}
    span: int | None = None


WHENEVER: Final = 10**10
"""The span of what happens once: its time does not tell it from anything."""


class Draft(Struct, gc=False, kw_only=True):
    """A canonical event, before the decision to publish it.

    `data.provenance` is `UNPUBLISHED`. `meaning` holds the canonical values that *all* shapes of the resource carry
    (type, direction, outcome, refs, times…; never provenance, native, URLs or names): equal meaning = nothing new.
    `first` is what *every* copy of a record carries that was never edited, None of one that was: such a copy that tells
    more than one without a version is no news where this is equal. `later` is the row instead of `row` where the id was
    published before: a record that looks new happens once.
    """

    row: Row
    subject: str
    time: str | None
    data: Data
    meaning: tuple[object, ...]
    first: tuple[object, ...] | None = None
    later: Row | None = None
    traffic: str | None = None


class Dropped(Struct, frozen=True, gc=False):
    """A record that is understood and not published: it mirrors another one, or says nothing."""

    fate: Literal["mirror", "noop"]
    row: str


class Delivery(Struct, frozen=True, gc=False):
    """One HTTP request to a webhook: header names are in lower case, `received` is in ms since the epoch."""

    tenant: str
    method: str
    headers: Headers[str, str]
    query: Headers[str, str]
    body: bytes
    received: int


class Accepted(Struct, frozen=True, gc=False):
    """A verified delivery. Only `accept` makes one: what is not in it cannot be appended."""

    events: Sequence[RawEvent]
    status: int = 202
    content_type: str = "application/json"
    answer: bytes = b""


class Refused(Exception):  # noqa: N818  (the word of the design; it is an answer, not a fault of ours)
    """A delivery that was not accepted: the HTTP status and the problem to answer with (never with a secret in it).

    `headers` are those that belong to the status, such as Retry-After.
    """

    def __init__(self, status: int, problem: Problem, headers: Headers[str, str] | None = None) -> None:
        super().__init__(str(problem))
        self.status = status
        self.problem = problem
        self.headers = headers or {}


class Provider(Protocol):
    """What a provider's folder offers."""

    name: str
    Settings: type[Tenant]
    resources: Headers[str, str]
    """What `--resource` may say, each with a help line; the keys are the resources of `Identity`."""
    tables: Headers[str, str]
    """The tables of `mapping.toml` that rows may name, each with what its codes are."""
    methods: Sequence[str]
    """The HTTP methods that its webhooks use: POST, and those by which it looks whether a webhook is there."""
    retries: Literal["status", "connection"]
    """What makes it send a delivery again: a status that says so, or only a connection that broke.

    For the latter a passing trouble (408, 429, 500, 503) is answered by closing the connection: it would take any
    status for delivered.
    """

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:
        """Cut an API page, a row, a bundle or a webhook body into pieces, bytes untouched.

        `resource` is one of `resources`, or None to guess from the shape. Never raises: a body that cannot be cut
        is one piece of shape `UNREADABLE`.
        """

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Verify a webhook delivery and cut it. Raises `Refused`."""

    def identity(self, raw: RawEvent) -> Identity:
        """Return the name of a record. Raises `Undecodable`, or what msgspec raises, where it carries no name."""

    def translate(self, raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
        """Return the draft of a record. Raises `Undecodable`, or what msgspec raises."""

    def nudge(self, draft: Draft, settings: Tenant) -> Nudge | None:
        """Return which feed to wake for what a webhook told, None where no feed of this tenant asks for it.

        The normalizer asks, about drafts of polled tenants: a draft whose row says `nudge` is left to that feed, and so
        is a copy without a version that differs from what was published.
        """
