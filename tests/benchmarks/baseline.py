"""The least work for each kind of the load: decode into the Struct, encode an event of the same size.

Each kind has so many different events that a batch holds no two alike: equal ones compress to nothing, and the
stripped loop would have less to do than any real load.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Encoder

from headrace.core.record import Headers, ProducerRecord
from headrace.explain import explain_piece
from headrace.providers.leadping import wire as leadping
from headrace.providers.leadsquared import wire as leadsquared
from headrace.providers.outreach import wire as outreach
from headrace.records.event import encode_event
from headrace.sdk.provider import Piece, RawEvent
from headrace_events import Event
from tests.benchmarks import load

DIFFERENT: Final = 250
"""Events prepared of each kind; a batch for one partition of `events` holds some dozens."""
SKIPPED: Final = 255
"""Stands for a duplicate, instead of the number of a kind."""

DECODERS: Final[dict[tuple[str, str], Callable[[bytes], Any]]] = {
    ("leadsquared", "lead-activity"): leadsquared.decode_activity,
    ("leadsquared", "webhook-activity"): leadsquared.decode_item,
    ("leadsquared", "lead-change"): leadsquared.decode_change,
    ("leadping", "row"): leadping.activity,
    ("leadping", "bundle"): leadping.bundle,
    ("leadping", "call"): leadping.call,
    ("outreach", "event"): outreach.decode_event,
    ("outreach", "webhook"): outreach.decode_webhook,
}
"""The Struct that each shape is decoded into, by provider and shape."""


class Ready(Struct):
    """An event that is encoded instead of what a record says, with its key and headers."""

    event: Event
    key: bytes
    headers: Headers


class Prepared(Struct):
    """One kind: how its bytes are decoded, and the events that are encoded in turn."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Event], bytes]
    ready: list[Ready]

    def out(self, value: bytes, number: int) -> ProducerRecord:
        """Decode a record, and encode an event for it."""
        self.decode(value)
        ready = self.ready[number % DIFFERENT]
        return ProducerRecord(ready.key, self.encode(ready.event), ready.headers)


@cache
def prepared() -> tuple[Prepared, ...]:
    """Prepare every kind, in the order of `load.MIX`."""
    return tuple(_prepare(kind) for kind in load.MIX)


def _prepare(kind: load.Kind) -> Prepared:
    raws = load.raw_events(kind, DIFFERENT)
    encode = Encoder(decimal_format="string").encode
    return Prepared(DECODERS[kind[0], raws[0].shape], encode, [_ready(raw) for raw in raws])


def _ready(raw: RawEvent) -> Ready:
    account = load.tenants().by_source[raw.source]
    piece = Piece(raw.shape, raw.value, raw.hint)
    explained = explain_piece(account.provider, raw.tenant, account.mapping, piece, now=raw.received)
    if explained.event is None:
        raise ValueError(f"{raw.shape} is not published: {explained.problem}")
    out = encode_event(explained.event)
    return Ready(explained.event, out.key, out.headers)
