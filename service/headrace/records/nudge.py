"""The records of `nudges`: the tenant's source as the key, a version byte and the nudge as JSON. Pure."""

from typing import Final

import msgspec
from msgspec import Struct

from headrace.core.record import ProducerRecord
from headrace.records.hour_report import HourReport
from headrace.records.newer_format import NewerFormat

FORMAT: Final = b"\x01"
LEDGER: Final = "ledger"
"""Feed of the record that reports an hour of the loss ledger: it wakes nothing."""


class AddressedNudge(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Feed `feed` has news, of lead `lead` or event `event` where known.

    `partition` and `offset` are the place in raw of the webhook's record that said so, `record` is its key in hex, and
    `time` (ms since the epoch) is that of the fact. A row of the same key brings the fact; with `span` (seconds) also
    one of another id: of one of these `types`, equal in what it knows of `traits`, at most so far away in time. The
    nudges of people have none of these. `counted` is the hour of the loss ledger to which the fact belongs, 0 of none;
    `hour` is what a record of feed `LEDGER` says, and nothing else.
    """

    feed: str
    lead: str | None = None
    event: str | None = None
    partition: int = -1
    offset: int = -1
    record: str = ""
    time: int = 0
    types: tuple[str, ...] = ()
    traits: dict[str, str] = {}
    span: int | None = None
    counted: int = 0
    hour: HourReport | None = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(AddressedNudge).decode


def encode_nudge(source: str, nudge: AddressedNudge) -> ProducerRecord:
    """Return the record of a nudge."""
    return ProducerRecord(source.encode(), FORMAT + _encode(nudge), [])


def decode_nudge(topic: str, key: bytes | None, value: bytes | None) -> tuple[str, AddressedNudge]:
    """Return the source and the nudge of a record of `topic`.

    Raises `NewerFormat` where a newer Headrace wrote it, `ValueError` where it is damaged.
    """
    written = value or b""
    if written[:1] != FORMAT:
        raise NewerFormat(f"a record on {topic} has format {written[:1].hex()}: upgrade this program")
    return (key or b"").decode(), _decode(written[1:])
