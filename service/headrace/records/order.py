"""Orders of people and commands to the poller of a tenant, as control records in `nudges`. Pure.

The tenant's source is the key, as of nudges; the value is a version byte of its own and JSON. A program that does not
know an order refuses it: one that is passed over would never be carried out.
"""

from typing import Annotated, Final, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

from headrace.core.record import ProducerRecord
from headrace.records.newer_format import NewerFormat
from headrace.records.nudge import AddressedNudge, decode_nudge

FORMAT: Final = b"\x02"

BackfillId: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
Share: TypeAlias = Annotated[float, Meta(gt=0.0, le=1.0)]
CallCount: TypeAlias = Annotated[int, Meta(ge=1, le=10_000)]


class Pause(Struct, frozen=True, omit_defaults=True, tag_field="order", tag="pause"):
    """Let a feed make no calls; without a `feed`, let none of the tenant make any."""

    feed: str = ""


class Resume(Struct, frozen=True, omit_defaults=True, tag_field="order", tag="resume"):
    """Let a feed go on where it was; without a `feed`, all of them."""

    feed: str = ""


class Wake(Struct, frozen=True, omit_defaults=True, tag_field="order", tag="wake"):
    """Let a feed rest no longer, and read it at once where it is not read by lead; without a `feed`, all of them."""

    feed: str = ""


class Rewind(Struct, frozen=True, omit_defaults=True, tag_field="order", tag="rewind"):
    """Read a feed again from `since` (ms since the epoch) on; without a `feed`, all of them.

    Only where that is wanted does it go `beyond` the dedupe window, as that is when each turn begins.
    """

    since: int
    feed: str = ""
    beyond: bool = False


class StartBackfill(Struct, frozen=True, omit_defaults=True, tag_field="order", tag="backfill"):
    """Read once more what a feed has of `since` until before `until` (ms), at a `share` of the budget.

    `id` is its name from now on: of one id there is one back-fill. `beyond` is as in `Rewind`.
    """

    id: BackfillId
    feed: str
    since: int
    until: int
    share: Share
    beyond: bool = False


class CancelBackfill(Struct, frozen=True, omit_defaults=True, tag_field="order", tag="cancel"):
    """End a back-fill; what it brought stays."""

    id: BackfillId


class SpentCalls(Struct, frozen=True, omit_defaults=True, tag_field="order", tag="spent"):
    """Count so many calls in the budget, which somebody else makes about now, or `within` so many seconds."""

    calls: CallCount
    within: int = 0


Order: TypeAlias = Pause | Resume | Wake | Rewind | StartBackfill | CancelBackfill | SpentCalls


def name_of(order: Order) -> str:
    """Return the word for what is ordered."""
    return str(order.__struct_config__.tag)


class _AnyOrder(Struct):
    order: str


_KNOWN: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Order))
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Order)
_decode_any: Final = msgspec.json.Decoder(_AnyOrder)


def encode_order(source: str, order: Order) -> ProducerRecord:
    """Return the record of an order."""
    return ProducerRecord(source.encode(), FORMAT + _encode(order), [])


def decode_nudge_or_order(topic: str, key: bytes | None, value: bytes | None) -> tuple[str, AddressedNudge | Order]:
    """Return the source and the nudge, or the order, of a record of `topic`.

    Raises `NewerFormat` where a newer Headrace wrote it, `ValueError` where it is damaged.
    """
    written = value or b""
    if written[:1] != FORMAT:
        return decode_nudge(topic, key, value)
    source, named = (key or b"").decode(), _decode_any.decode(written[1:]).order
    if named not in _KNOWN:
        raise NewerFormat(f"a record on {topic} has the order {named!r}: upgrade this program")
    order: Order = _decode.decode(written[1:])
    return source, order
