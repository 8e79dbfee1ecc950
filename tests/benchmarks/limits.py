"""What nobody can do without, for each kind of the load: decode into the Struct, encode an event of the same size."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Encoder

from headrace.explain import explain_piece
from headrace.providers.base import Piece
from headrace.providers.leadping import wire as leadping
from headrace.providers.leadsquared import wire as leadsquared
from headrace.providers.outreach import wire as outreach
from headrace.publish import Headers, encode_event
from headrace_events import Event
from tests.benchmarks import load

SKIPPED: Final = 255
"""Instead of the number of a kind: a duplicate."""

DECODERS: Final[dict[tuple[str, str], Callable[[bytes], Any]]] = {
    ("leadsquared", "lead-activity"): leadsquared.decode_activity,
    ("leadsquared", "webhook-activity"): leadsquared.decode_item,
    ("leadsquared", "lead-change"): leadsquared.decode_change,
    ("leadping", "row"): leadping.activity,
    ("leadping", "bundle"): leadping.bundle,
    ("leadping", "call"): leadping.call,
    ("outreach", "event"): outreach.decode_event,
    ("outreach", "webhook"): outreach.decode_hook,
}
"""The Struct that each shape is decoded into, by provider and shape."""


class Prepared(Struct):
    """One kind: how its bytes are decoded, and the event that is encoded instead of what they say."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Event], bytes]
    event: Event
    key: bytes
    headers: Headers


@cache
def prepared() -> tuple[Prepared, ...]:
    """Prepare every kind, in the order of `load.MIX`."""
    return tuple(_prepare(kind) for kind in load.MIX)


def _prepare(kind: load.Kind) -> Prepared:
    (raw,) = load.raw_events(kind, 1)
    account = load.tenants().get(raw.provider, raw.tenant)
    if account is None:
        raise LookupError(f"no tenant for {kind}")
    piece = Piece(raw.shape, raw.value, raw.hint)
    told = explain_piece(account.provider, raw.tenant, account.mapping, piece, now=raw.received)
    if told.event is None:
        raise ValueError(f"{kind} is not published: {told.problem}")
    out = encode_event(told.event)
    encode = Encoder(decimal_format="string").encode
    return Prepared(DECODERS[kind[0], raw.shape], encode, told.event, out.key, out.headers)
