"""The canonical event: CloudEvents 1.0 in structured mode, and `data` with closed words.

Absent means "not said"; nothing is ever null. Words that stand in `taxonomy` are plain `str` here, so that a consumer
built today reads the words of tomorrow. Times are RFC 3339 in UTC ending in Z, with three digits of a second where
the provider told them; decimals and ids are strings.
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from headrace_events.about import about


class Actor(Struct, omit_defaults=True, gc=False):
    """Who did it: `kind` is an `ActorKind` word, absent where the provider does not say."""

    kind: Annotated[str | None, about("What kind of actor it was.", "lead", "user")] = None
    id: Annotated[str | None, about("The provider's id of the actor.", "member-5")] = None
    name: Annotated[str | None, about("The actor's name or address, as the provider writes it.", "Uma Test")] = None


class Party(Struct, omit_defaults=True, gc=False):
    """One end of a call or message: `address` is a phone number or e-mail address, `id` the provider's id of it."""

    address: Annotated[
        str | None, about("The phone number (E.164 where that is known) or e-mail address.", "+13125550168")
    ] = None
    id: Annotated[str | None, about("The provider's id of this end, such as that of a line.", "line-8")] = None
    name: Annotated[str | None, about("The name of this end.", "Front desk")] = None


class Parties(Struct, omit_defaults=True, gc=False, rename={"from_": "from"}):
    """Both ends, as the provider tells them."""

    from_: Annotated[Party | None, about("Who called, wrote or sent.", {"address": "+13125550168"})] = None
    to: Annotated[
        Party | None, about("Who was called or written to.", {"address": "+13125550107", "name": "Front desk"})
    ] = None


class Cost(Struct, omit_defaults=True, gc=False):
    """The platform's bill (never deal money): decimal `amount`, ISO 4217 `currency` where told."""

    amount: Annotated[str | None, about("What the platform charges, a decimal as text.", "0.0040")] = None
    currency: Annotated[str | None, about("The currency of the amount, by ISO 4217.", "USD")] = None
    billable_seconds: Annotated[int | None, about("Seconds that the platform charges for.", 64)] = None
    status: Annotated[str | None, about("The platform's word on the bill, as it is.", "free")] = None


class Value(Struct, omit_defaults=True, gc=False):
    """Deal money: decimal `amount`, ISO 4217 `currency` where told."""

    amount: Annotated[str | None, about("What the deal or sale is worth, a decimal as text.", "125000.50")] = None
    currency: Annotated[str | None, about("The currency of the amount, by ISO 4217.", "EUR")] = None


class Change(Struct, omit_defaults=True, gc=False, rename={"from_": "from"}):
    """One value before and after; for changes of several fields the others stand in `fields`."""

    field: Annotated[str | None, about("What changed: stage, owner, score, or a native field's name.", "stage")] = None
    from_: Annotated[str | None, about("The value before, absent where it is not known.", "Offer")] = None
    to: Annotated[str | None, about("The value after.", "Won")] = None


class Client(Struct, omit_defaults=True, gc=False):
    """Where an open, click or visit came from: `host` is a name or IP, `device` a user agent, lat and lon degrees."""

    city: Annotated[str | None, about("The city that the platform derived from the address.", "Lisboa")] = None
    region: Annotated[str | None, about("The region or country that it derived.", "Lisboa District")] = None
    host: Annotated[str | None, about("The host name or IP address.", "198.51.100.23")] = None
    device: Annotated[str | None, about("The user agent or device.", "Mail/7.1")] = None
    lat: Annotated[float | None, about("Latitude in degrees.", 38.7223)] = None
    lon: Annotated[float | None, about("Longitude in degrees.", -9.1393)] = None


class Native(Struct, omit_defaults=True, gc=False):
    """What the provider said, verbatim, where no canonical key holds it; `code` decided the type."""

    provider: Annotated[str, about("The platform: leadping, leadsquared or outreach.", "leadping")]
    tenant: Annotated[str, about("The account, by the name that your operator gave it.", "birch")]
    resource: Annotated[str, about("What kind of record it was on the platform.", "call", "activity")]
    id: Annotated[str, about("The platform's id of that record.", "call-2207")]
    code: Annotated[str | None, about("The platform's code or name of what happened.", "Call", "203")] = None
    name: Annotated[str | None, about("How the platform calls that code.", "WhatsApp Message")] = None
    status: Annotated[str | None, about("The platform's own word on the state.", "no-answer")] = None
    extra: Annotated[
        dict[str, Any] | None, about("What else the platform sent and no other key holds.", {"attempts": 2})
    ] = None


class RawPosition(Struct, gc=False):
    """The raw record that an event or dead letter was made from."""

    topic: Annotated[str, about("The topic of raw records.", "headrace.raw")]
    partition: Annotated[int, about("Its partition.", 11)]
    offset: Annotated[int, about("The offset of the record in it.", 40312)]


class Provenance(Struct, gc=False):
    """Why this event says what it says: `via` is a `Via` word, `mapping` 8 hex digits of the tables, `row` the row."""

    via: Annotated[str, about("The way the record came in.", "webhook")]
    received: Annotated[str, about("When Headrace received the record.", "2026-10-01T06:44:18.990Z")]
    raw: Annotated[
        RawPosition,
        about("The raw record with the bytes.", {"topic": "headrace.raw", "partition": 11, "offset": 40312}),
    ]
    mapping: Annotated[str, about("Which version of the tables was used, 8 hex digits.", "0b6d3e58")]
    row: Annotated[str, about("The row that decided the type.", "call/no-answer", "100-299 (provisional)", "unmapped")]


_NATIVE = {"provider": "leadping", "tenant": "birch", "resource": "call", "id": "call-2207", "code": "Call"}
_PROVENANCE = {
    "via": "webhook",
    "received": "2026-10-01T06:44:18.990Z",
    "raw": {"topic": "headrace.raw", "partition": 11, "offset": 40312},
    "mapping": "0b6d3e58",
    "row": "call/no-answer",
}
_DATA = {"category": "call", "action": "unanswered", "native": _NATIVE, "provenance": _PROVENANCE}


class Data(Struct, omit_defaults=True, gc=False, kw_only=True):
    """What happened. `category` and `action` repeat the type; an unmapped event has no action."""

    category: Annotated[str, about("The first part of the type's word.", "call", "unmapped")]
    action: Annotated[str | None, about("The second part of it, absent for unmapped events.", "unanswered")] = None
    direction: Annotated[str | None, about("Which way it went, as the user of the platform sees it.", "inbound")] = None
    channel: Annotated[str | None, about("The medium.", "voice")] = None
    outcome: Annotated[str | None, about("How it went.", "missed")] = None
    proxied: Annotated[
        bool | None, about("Whether a mail proxy made the request: then `client` is the proxy's.", False)  # noqa: FBT003  (an example)
    ] = None
    revised: Annotated[
        str | None, about("When the platform last changed the record: the later one wins.", "2026-10-01T06:44:05Z")
    ] = None
    refs: Annotated[
        dict[str, str] | None,
        about("Ids of what it is about, by kind: lead, user, campaign, call and others.", {"lead": "pros-640"}),
    ] = None
    actor: Annotated[Actor | None, about("Who did it.", {"kind": "lead", "id": "pros-640"})] = None
    parties: Annotated[
        Parties | None,
        about("Both ends of a call or message.", {"from": {"address": "+13125550168"}, "to": {"id": "line-8"}}),
    ] = None
    times: Annotated[
        dict[str, str] | None,
        about(
            "Every milestone that is known, by name: created, sent, delivered, answered, ended and others.",
            {"created": "2026-10-01T06:43:20Z", "ended": "2026-10-01T06:44:05Z"},
        ),
    ] = None
    duration_seconds: Annotated[int | float | None, about("How long the call lasted, in seconds.", 64, 181.6)] = None
    cost: Annotated[Cost | None, about("The platform's bill.", {"amount": "0.0110", "currency": "USD"})] = None
    value: Annotated[Value | None, about("Deal money.", {"amount": "125000.50", "currency": "EUR"})] = None
    reason: Annotated[str | None, about("Why it went so, in the platform's words.", "Caller hung up")] = None
    title: Annotated[str | None, about("The subject, or the name of a task or note.", "Reply")] = None
    text: Annotated[
        str | None, about("The text of a message, note or e-mail; up to 64 KiB.", "Thank you, tomorrow at nine")
    ] = None
    urls: Annotated[
        dict[str, str] | None,
        about(
            "Addresses by what is there: recording, voicemail, external.",
            {"recording": "https://media.example.org/1.ogg"},
        ),
    ] = None
    change: Annotated[
        Change | None, about("The one value that changed.", {"field": "stage", "from": "Offer", "to": "Won"})
    ] = None
    client: Annotated[Client | None, about("Where an open, click or visit came from.", {"city": "Lisboa"})] = None
    fields: Annotated[
        dict[str, Any] | None, about("The tenant's own fields, as the tables name them.", {"next_step": "Kick-off"})
    ] = None
    truncated: Annotated[
        list[str] | None, about("Which values were cut, because they are too long.", ["text", "native.extra.Note"])
    ] = None
    redacted: Annotated[
        list[str] | None,
        about("Where your operator had values left out, or hashed, by path.", ["parties", "native.extra.caller"]),
    ] = None
    native: Annotated[Native, about("What the platform said, verbatim.", _NATIVE)]
    provenance: Annotated[Provenance, about("Why this event says what it says.", _PROVENANCE)]


class Event(Struct, omit_defaults=True, gc=False, kw_only=True):
    """One canonical event: `source` + `id` is unique.

    Upsert by (`source`, `data.native.resource`, `data.native.id`).
    """

    specversion: Annotated[str, about("The version of CloudEvents.", "1.0")]
    id: Annotated[
        str,
        about(
            "The resource and its native id, and a version for what changes; unique within the source, for ever.",
            "call/call-2207/1790841845000042",
            "event/70001",
        ),
    ]
    source: Annotated[str, about("The platform and the tenant.", "/leadping/birch")]
    type: Annotated[
        str,
        about("A word of Type in taxonomy.json between `headrace.` and the version.", "headrace.call.unanswered.v1"),
    ]
    subject: Annotated[str, about("The lead, or else the nearest thing that is known.", "lead/pros-640")]
    time: Annotated[
        str | None, about("When it happened; absent where the platform does not say.", "2026-10-01T06:44:05Z")
    ] = None
    recordedtime: Annotated[str, about("When Headrace published it.", "2026-10-01T06:44:19.018Z")]
    datacontenttype: Annotated[str, about("The form of `data`.", "application/json")]
    dataschema: Annotated[str, about("The schema of the event, this one.", "urn:headrace:event:1")]
    partitionkey: Annotated[
        str, about("The source and the subject, the key of the Kafka record.", "/leadping/birch/lead/pros-640")
    ]
    traffic: Annotated[str | None, about("Whether it is sales activity at all.", "real", "test")] = None
    traceparent: Annotated[
        str | None,
        about(
            "The trace that the delivery was part of, as W3C Trace Context writes it; absent where it named none.",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ] = None
    data: Annotated[Data, about("What happened, in the same words for every platform.", _DATA)]

    @property
    def word(self) -> str:
        """The taxonomy word: `call.completed` for the type `headrace.call.completed.v1`."""
        return self.type.removeprefix("headrace.").removesuffix(".v1")

    @property
    def happened(self) -> datetime | None:
        """`time` as an aware datetime in UTC."""
        return None if self.time is None else datetime.fromisoformat(self.time)


_event = msgspec.json.Decoder(Event)


def decode(value: bytes) -> Event:
    """Read the value of a record on `events`; unknown fields and words are kept out of the way, never an error.

    Raises `msgspec.DecodeError` where the bytes are no canonical event.
    """
    return _event.decode(value)
