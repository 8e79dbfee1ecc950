"""Acme: the smallest whole provider, as a tutorial. It is tested like the real ones and not part of the program."""

import hmac
from collections.abc import Iterator, Mapping as Headers, Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from headrace.core import timestamps as moments
from headrace.core.mapping import Mapping
from headrace.core.problems import bad_value
from headrace.sdk.provider import (
    UNPUBLISHED,
    UNREADABLE,
    Accepted,
    Delivery,
    Draft,
    Identity,
    Piece,
    RawEvent,
    Refused,
    Tenant,
)
from headrace_events import Data, Native, Problem, Via


# 1. The shapes: what the platform sends, typed. Fields that we do not name are ignored; the bytes stay in raw.
class Page(Struct):
    """`GET /events`: the rows are kept as the bytes they are."""

    events: list[Raw]


class Key(Struct):
    """The fields of a row that name it; `changed` is its version, in milliseconds since the epoch."""

    id: int
    changed: int


class Row(Key):
    """An event: a call or a note of one person."""

    kind: str
    person: str
    at: str
    state: str | None = None
    seconds: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    text: str | None = None


_page: Final = msgspec.json.Decoder(Page)
_key: Final = msgspec.json.Decoder(Key)
_row: Final = msgspec.json.Decoder(Row)


class Acme:
    """The contract of `sdk/provider.py`, one method after the other."""

    name = "acme"
    Settings = Tenant
    resources: Headers[str, str] = {"event": "a page of GET /events, or the one event of a webhook"}
    tables: Headers[str, str] = {"event": "the kinds of Acme's events"}

    methods: Sequence[str] = ("POST",)
    retries: Literal["status", "connection"] = "status"

    # 2. Cut: one body to the bytes of each record. It never raises.
    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:  # noqa: ARG002  (there is one resource)
        """Cut a page; anything else is taken as one event, as webhooks bring it."""
        try:
            for event in _page.decode(body).events:
                yield Piece("event", bytes(event))
        except (msgspec.DecodeError, RecursionError):
            try:
                _row.decode(body)
                yield Piece("event", body)
            except (msgspec.DecodeError, RecursionError):
                yield Piece(UNREADABLE, body)

    # 3. Accept: verify a delivery in constant time, or refuse it with a sentence that helps.
    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Compare the header X-Acme-Secret with each secret of the tenant."""
        told = delivery.headers.get("x-acme-secret", "").encode()
        # Each secret is compared, so that the time taken does not tell which one fits.
        if not any([hmac.compare_digest(told, secret.encode()) for secret in settings.webhook_secrets]):  # noqa: C419  (as said above)
            raise Refused(401, Problem("bad_secret", "The secret is wrong", "send a known secret as X-Acme-Secret"))
        return Accepted(
            [
                RawEvent(
                    provider=self.name,
                    tenant=delivery.tenant,
                    shape=piece.shape,
                    value=piece.value,
                    via=Via.WEBHOOK,
                    received=delivery.received,
                )
                for piece in self.cut(delivery.body)
            ]
        )

    # 4. Identity: the name and version of a record, the same for webhook and poll.
    def identity(self, raw: RawEvent) -> Identity:
        """`event/<id>`, its version the time of its last change."""
        key = _key.decode(raw.value)
        return Identity("event", str(key.id), key.changed)

    # 5. Translate: native to canonical. The table decides the words, this method where the values go.
    def translate(self, raw: RawEvent, mapping: Mapping) -> Draft:
        """Give the canonical event of a row."""
        told = _row.decode(raw.value)
        row = mapping.find("event", told.kind, told.state)
        try:
            at = moments.canonical(told.at)
        except ValueError as error:
            raise bad_value("$.at", str(error)) from None
        data = Data(
            category=row.category,
            action=row.action,
            direction=row.direction,
            channel=row.channel,
            outcome=row.outcome,
            refs={"lead": told.person},
            times={"occurred": at},
            duration_seconds=told.seconds,
            text=told.text or None,
            native=Native(raw.provider, raw.tenant, "event", str(told.id), code=told.kind, status=told.state),
            provenance=UNPUBLISHED,
        )
        meaning = (told.person, at, told.seconds)
        return Draft(row=row, subject=f"lead/{told.person}", time=at, data=data, meaning=meaning)


provider = Acme()
