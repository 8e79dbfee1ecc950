"""The canonical event: CloudEvents 1.0 in structured mode, and `data` with closed words.

Absent means "not said"; nothing is ever null. Words that stand in `taxonomy` are plain `str` here, so that a consumer
built today reads the words of tomorrow. Times are RFC 3339 in UTC ending in Z, with three digits of a second where
the provider told them; decimals and ids are strings.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, field


class Actor(Struct, omit_defaults=True, gc=False):
    """Who did it: `kind` is an `ActorKind` word, absent where the provider does not say."""

    kind: str | None = None
    id: str | None = None
    name: str | None = None


class Party(Struct, omit_defaults=True, gc=False):
    """One end of a call or message: `address` is a phone number or e-mail address, `id` the provider's id of it."""

    address: str | None = None
    id: str | None = None
    name: str | None = None


class Parties(Struct, omit_defaults=True, gc=False, rename={"from_": "from"}):
    """Both ends, as the provider tells them."""

    from_: Party | None = None
    to: Party | None = None


class Cost(Struct, omit_defaults=True, gc=False):
    """The platform's bill (never deal money): decimal `amount`, ISO 4217 `currency` where told."""

    amount: str | None = None
    currency: str | None = None
    billable_seconds: int | None = None
    status: str | None = None


class Value(Struct, omit_defaults=True, gc=False):
    """Deal money: decimal `amount`, ISO 4217 `currency` where told."""

    amount: str | None = None
    currency: str | None = None


class Change(Struct, omit_defaults=True, gc=False, rename={"from_": "from"}):
    """One value before and after; for changes of several fields the others stand in `fields`."""

    field: str | None = None
    from_: str | None = None
    to: str | None = None


class Client(Struct, omit_defaults=True, gc=False):
    """Where an open, click or visit came from: `host` is a name or IP, `device` a user agent, lat and lon degrees."""

    city: str | None = None
    region: str | None = None
    host: str | None = None
    device: str | None = None
    lat: float | None = None
    lon: float | None = None


class Native(Struct, omit_defaults=True, gc=False):
    """What the provider said, verbatim, where no canonical key holds it; `code` decided the type."""

    provider: str
    tenant: str
    resource: str
    id: str
    code: str | None = None
    name: str | None = None
    status: str | None = None
    extra: dict[str, Any] | None = None


class RawPosition(Struct, gc=False):
    """The raw record that an event or dead letter was made from."""

    topic: str
    partition: int
    offset: int


class Provenance(Struct, gc=False):
    """Why this event says what it says: `via` is a `Via` word, `mapping` 8 hex digits of the tables, `row` the row."""

    via: str
    received: str
    raw: RawPosition
    mapping: str
    row: str


class Data(Struct, omit_defaults=True, gc=False, kw_only=True):
    """What happened. `category` and `action` repeat the type; an unmapped event has no action."""

    category: str
    action: str | None = None
    direction: str | None = None
    channel: str | None = None
    outcome: str | None = None
    proxied: bool | None = None
    revised: str | None = None
    refs: dict[str, str] | None = None
    actor: Actor | None = None
    parties: Parties | None = None
    times: dict[str, str] | None = None
    duration_seconds: int | float | None = None
    cost: Cost | None = None
    value: Value | None = None
    reason: str | None = None
    title: str | None = None
    text: str | None = None
    urls: dict[str, str] | None = None
    change: Change | None = None
    client: Client | None = None
    fields: dict[str, Any] | None = None
    truncated: list[str] | None = None
    native: Native
    provenance: Provenance


class Event(Struct, omit_defaults=True, gc=False, kw_only=True):
    """One canonical event: `source` + `id` is unique.

    Upsert by (`source`, `data.native.resource`, `data.native.id`).
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str | None = None
    recordedtime: str
    datacontenttype: str
    dataschema: str
    partitionkey: str
    traffic: str | None = None
    data: Data

    @property
    def word(self) -> str:
        """The taxonomy word: `call.completed` for the type `headrace.call.completed.v1`."""
        return self.type.removeprefix("headrace.").removesuffix(".v1")

    @property
    def happened(self) -> datetime | None:
        """`time` as an aware datetime in UTC."""
        return None if self.time is None else datetime.fromisoformat(self.time)


class Source(Struct, omit_defaults=True, gc=False):
    """Where in a payload a problem lies: a path such as `$.CreatedOn`, or the offset of a byte."""

    pointer: str | None = None
    offset: int | None = None


class Problem(Struct, omit_defaults=True, gc=False):
    """Why something failed: a stable `code`, a `title` for people, the `detail` of this case and where it lies."""

    code: str
    title: str
    detail: str
    source: Source | None = None

    def __str__(self) -> str:
        """One line for people: `bad_value at $.CreatedOn: …`."""
        where = self.source
        at = "" if where is None else f" at {where.pointer}" if where.pointer else f" at byte {where.offset}"
        return f"{self.code}{at}: {self.detail}"


class DeadLetter(Struct, omit_defaults=True, gc=False, kw_only=True):
    """The header `headrace-problem` of a record on `dead-letters`; the record's value is the payload, untouched."""

    problem: Problem
    source: str
    resource: str | None = None
    id: str | None = None
    via: str
    received: str
    recordedtime: str
    raw: RawPosition
    mapping: str = field(default="")


DEAD_LETTER_HEADER = "headrace-problem"

_event = msgspec.json.Decoder(Event)
_letter = msgspec.json.Decoder(DeadLetter)


def decode(value: bytes) -> Event:
    """Read the value of a record on `events`; unknown fields and words are kept out of the way, never an error.

    Raises `msgspec.DecodeError` where the bytes are no canonical event.
    """
    return _event.decode(value)


def decode_dead_letter(headers: list[tuple[str, bytes]] | tuple[tuple[str, bytes], ...]) -> DeadLetter:
    """Read the headers of a record on `dead-letters`.

    Raises `LookupError` without the header and `msgspec.DecodeError` where it cannot be read.
    """
    for name, value in headers:
        if name == DEAD_LETTER_HEADER:
            return _letter.decode(value)
    raise LookupError(f"the record has no header {DEAD_LETTER_HEADER}")
