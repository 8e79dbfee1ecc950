"""The records of `raw`: a raw event is named, gets its place, and is written as bytes and one header. Pure.

The header is allow-listed by its type: whatever is not a field of `RawEvent` cannot travel, so that no secret,
signature or token does.
"""

import hashlib
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec
from msgspec.structs import force_setattr, replace

from headrace.core.problems import bad_value
from headrace.core.record import Headers, ProducerRecord
from headrace.records.newer_format import NewerFormat
from headrace.sdk.provider import Identity, Provider, RawEvent

FORMAT: Final = 1
HEADER: Final = "headrace"
_HIGHEST: Final = 2**63 - 1
_LONGEST: Final = 256
"""Characters of a text from outside."""
_BEFORE_DIGEST: Final = 200
_FORMAT_BYTE: Final = bytes((FORMAT,))

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(RawEvent).decode


def identify(provider: Provider, raw: RawEvent) -> Identity:
    """Return the identity of a raw event.

    Raises what the provider's `identity` raises, and `Undecodable` where no mark can keep its version.
    """
    identity = provider.identity(raw)
    if isinstance(identity.version, int) and not 0 < identity.version <= _HIGHEST:
        raise bad_value("$", f"its version {identity.version} is out of range")
    return identity


def to_raw_record(provider: Provider, raw: RawEvent, *, redriven: bool = False, letter: str = "") -> ProducerRecord:
    """Name a raw event, once, and return its record. A record without a name is placed by its bytes.

    `letter` is the place of the dead letter that is `redriven`.
    """
    if raw.hint or raw.delivery:  # before it is named: a name may be made of them
        hint, delivery = printable(raw.hint), printable(raw.delivery)
        if hint != raw.hint or delivery != raw.delivery:
            raw = replace(raw, hint=hint, delivery=delivery)
    try:
        identity = identify(provider, raw)
    except Exception:  # noqa: BLE001  (whatever it is, the bytes are kept: the normalizer says why it has no name)
        identity = None
    header = RawEvent(  # without what only copies carry: replay, replaces, becomes, later, held, expired
        provider=raw.provider,
        tenant=raw.tenant,
        resource=identity.resource if identity else "",
        id=identity.id if identity else "",
        version=identity.version if identity else None,
        shape=raw.shape,
        via=raw.via,
        received=raw.received,
        hint=raw.hint,
        delivery=raw.delivery,
        redriven=redriven,
        letter=letter,
        as_told=raw.as_told,
        twin=raw.twin,
        swept=raw.swept,
    )
    if raw.traceparent:  # not above: of more than 15 keywords CPython makes a dict
        force_setattr(header, "traceparent", raw.traceparent)
    key = digest(raw.source, identity.resource, identity.id) if identity else digest_of_bytes(raw.value)
    return ProducerRecord(key, raw.value, headers_of(header))


def from_raw_record(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> RawEvent:
    """Return the raw event of a record of raw or dead-letters.

    Raises `LookupError` without our header, `NewerFormat` where a newer Headrace wrote it, `ValueError` or
    `RecursionError` where it is damaged.
    """
    for header, data in headers:
        if header == HEADER and data:  # Kafka allows a header without a value
            if data[0] != FORMAT:
                raise NewerFormat(
                    f"a record on raw has format {data[:1].hex()}, this program reads {FORMAT}: upgrade it"
                )
            raw = _decode(data[1:])
            force_setattr(raw, "value", value or b"")  # nobody has it yet: a copy would cost as much as decoding it
            return raw
    raise LookupError(f"the record has no header {HEADER}: nothing but Headrace may write to raw")


def printable(text: str) -> str:
    r"""Return a text from outside so that it fits the header; what fits already stays as it is.

    A byte of a header that is no UTF-8 reaches us as a lone surrogate, which nothing can encode: it is written as
    `\udcff`. Beyond 256 characters a text is cut and ends in its digest, so that two of them stay two.
    """
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_BEFORE_DIGEST]}~{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def headers_of(raw: RawEvent) -> Headers:
    """Return the headers of a raw record: one, with every field of the raw event but its bytes."""
    return [(HEADER, _FORMAT_BYTE + _encode(replace(raw, value=b"") if raw.value else raw))]


def digest(source: str, resource: str, id: str) -> bytes:  # noqa: A002  (the design's word)
    """Return the 16 bytes that place and remember an id."""
    return hashlib.blake2b(f"{source}\0{resource}\0{id}".encode(), digest_size=16).digest()


def digest_of_bytes(value: bytes, salt: str = "") -> bytes:
    """Return 16 bytes for a payload without a name, or, with a salt, for a dead letter of one code version."""
    salted = hashlib.blake2b(salt.encode(), digest_size=32).digest() if salt else b""
    return hashlib.blake2b(value, digest_size=16, key=b"bytes" + salted).digest()


def letter_digest(raw: RawEvent, salt: str = "") -> bytes:
    """Return the 16 bytes of what a dead letter is about: its bytes, and all that is read beside them.

    Two facts may have equal bytes: then the name, the shape or the hint of the delivery tells them apart, and where a
    record has no name, the delivery that may give it one.
    """
    beside = raw.source, raw.shape, raw.resource, raw.id, str(raw.version), raw.hint, "" if raw.id else raw.delivery
    return digest_of_bytes(raw.value, "\0".join((salt, *beside)))


def place(key: bytes, partitions: int) -> int:
    """Return the raw partition of a key: explicit, so that no client's partitioner can move an id."""
    return int.from_bytes(key[:8], "big") % partitions


@lru_cache(maxsize=256)
def shape_digest(shape: str) -> int:
    """Return the 16 bits that a mark keeps of a shape's name."""
    return zlib.crc32(shape.encode()) & 0xFFFF
