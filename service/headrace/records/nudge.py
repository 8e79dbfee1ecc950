"""The records of `nudges`: the tenant's source as the key, a version byte and the nudge as JSON. Pure."""

from typing import Final

import msgspec

from headrace.core.record import ProducerRecord
from headrace.records.newer_format import NewerFormat
from headrace.sdk.provider import Nudge

FORMAT: Final = b"\x01"

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Nudge).decode


def encode_nudge(source: str, nudge: Nudge) -> ProducerRecord:
    """Return the record of a nudge."""
    return ProducerRecord(source.encode(), FORMAT + _encode(nudge), [])


def decode_nudge(topic: str, key: bytes | None, value: bytes | None) -> tuple[str, Nudge]:
    """Return the source and the nudge of a record of `topic`.

    Raises `NewerFormat` where a newer Headrace wrote it, `ValueError` where it is damaged.
    """
    written = value or b""
    if written[:1] != FORMAT:
        raise NewerFormat(f"a record on {topic} has format {written[:1].hex()}: upgrade this program")
    return (key or b"").decode(), _decode(written[1:])
