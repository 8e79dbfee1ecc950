"""A mixed load of all providers, seeded: payloads as they come from pages, bundles and webhooks. All values invented.

A kind is one payload as a tenant would see it most often; `MIX` says how many of a hundred records are of each kind.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any, Final

from msgspec import Struct

from headrace.config.tenants import Account, Tenants
from headrace.core.mapping_file import build
from headrace.core.record import Headers, ProducerRecord
from headrace.providers.discover import builtin, discover
from headrace.records.raw import to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_demo.payloads import leadping, leadsquared, outreach
from headrace_demo.payloads.invent import InventedValues
from headrace_events import Via

TENANT: Final = "acme"
DUPLICATES: Final = 10
"""Every tenth record is a duplicate: the look-back of a feed, or a webhook that is delivered again."""
RECEIVED: Final = 1_795_250_000_000
"""Milliseconds since the epoch, after every time in the load."""

Kind = tuple[str, str]

MIX: Final[dict[Kind, tuple[int, Callable[[InventedValues], dict[str, Any]]]]] = {
    ("leadsquared", "call row"): (8, leadsquared.call_row),
    ("leadsquared", "visit row"): (12, leadsquared.visit_row),
    ("leadsquared", "custom row"): (5, leadsquared.custom_row),
    ("leadsquared", "call webhook"): (10, leadsquared.call_webhook),
    ("leadsquared", "lead webhook"): (5, leadsquared.lead_webhook),
    ("leadping", "message row"): (15, leadping.message),
    ("leadping", "message bundle"): (7, leadping.message_bundle),
    ("leadping", "call bundle"): (3, leadping.call_bundle),
    ("leadping", "call"): (5, leadping.call),
    ("outreach", "event"): (25, outreach.event),
    ("outreach", "webhook"): (5, outreach.webhook),
}


class Record(Struct, frozen=True, gc=False):
    """A raw record as the client returns it."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Headers


def tenants() -> Tenants:
    """Return one tenant of each provider."""
    return Tenants(
        [Account(provider, TENANT, provider.Settings(), build(builtin(name))) for name, provider in discover().items()]
    )


def raw_events(kind: Kind, count: int, seed: int = 1) -> list[RawEvent]:
    """Invent raw events of one kind, each with an id of its own."""
    provider = discover()[kind[0]]
    _, make = MIX[kind]
    values = InventedValues(seed, (seed * len(MIX) + list(MIX).index(kind)) * 10**7)
    events = []
    for _ in range(count):
        (piece,) = provider.cut(json.dumps(make(values), separators=(",", ":")).encode())
        events.append(
            RawEvent(
                provider=provider.name,
                tenant=TENANT,
                shape=piece.shape,
                value=piece.value,
                via=Via.POLL,
                received=RECEIVED,
                hint=piece.hint,
            )
        )
    return events


def mixed(count: int, seed: int = 1) -> Iterator[tuple[int | None, ProducerRecord]]:
    """Invent `count` records for raw, all kinds in turn, each with the number of its kind in `MIX`.

    Every tenth record came before, a hundred records ago: it has no number.
    """
    kinds = list(MIX)
    streams = {kind: iter(raw_events(kind, count * part // 90 + 1, seed)) for kind, (part, _) in MIX.items()}
    turns = cycle(_turns())
    past: list[ProducerRecord] = []
    for number in range(count):
        if number % DUPLICATES == DUPLICATES - 1:
            yield None, past[max(0, len(past) - 100)]
            continue
        kind = next(turns)
        raw = next(streams[kind])
        past.append(to_raw_record(discover()[raw.provider], raw))
        yield kinds.index(kind), past[-1]


def records(outs: Iterable[ProducerRecord], start: int = 0) -> list[Record]:
    """Return records as the client would, from offset `start` on."""
    return [Record(start + i, RECEIVED, out.key, out.value, out.headers) for i, out in enumerate(outs)]


def _turns() -> list[Kind]:
    """Spread the kinds evenly over a hundred turns, in the proportions of `MIX`."""
    total = sum(part for part, _ in MIX.values())
    placed = [((i + 0.5) * total / part, kind) for kind, (part, _) in MIX.items() for i in range(part)]
    return [kind for _, kind in sorted(placed)]
