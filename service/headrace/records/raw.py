"""The one door into raw: name a raw event, place it, and write its envelope. Pure.

The envelope is one header, allow-listed by its type: whatever is not a field of it cannot travel, so that no secret,
signature or token does.
"""

import hashlib
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from headrace.core.problems import bad_value
from headrace.core.record import Headers, Out
from headrace.records.seen import NewerFormat
from headrace.sdk.provider import Identity, Provider, RawEvent, Version
from headrace_events import Via

FORMAT: Final = 1
HEADER: Final = "headrace"
_HIGHEST: Final = 2**63 - 1
_LONGEST: Final = 256
_KEPT: Final = 200


class Envelope(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What raw holds beside the bytes. `resource` and `id` are absent where the record carried no name.

    `received` is in milliseconds since the epoch; `replay` names the mapping a replayed record waits for; `redriven`
    marks a dead letter that was sent back.
    """

    provider: str
    tenant: str
    resource: str = ""
    id: str = ""
    version: Version = None
    shape: str
    via: Via
    received: Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]  # before the year 10000: it must fit a text
    hint: str = ""
    delivery: str = ""
    replay: str = ""
    redriven: bool = False

    def raw_event(self, value: bytes) -> RawEvent:
        """Give the raw event as it came through the door."""
        return RawEvent(
            self.provider, self.tenant, self.shape, value, self.via, self.received, self.hint, self.delivery
        )

    @property
    def identity(self) -> Identity | None:
        """Give the identity that was computed at the door, None where there was none."""
        return Identity(self.resource, self.id, self.version) if self.id else None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Envelope).decode


def name(provider: Provider, raw: RawEvent) -> Identity:
    """Name a raw event. Raises what `identity` raises, and `Undecodable` where no mark can keep its version."""
    identity = provider.identity(raw)
    if isinstance(identity.version, int) and not 0 < identity.version <= _HIGHEST:
        raise bad_value("$", f"its version {identity.version} is out of range")
    return identity


def admit(provider: Provider, raw: RawEvent, *, redriven: bool = False) -> Out:
    """Name a raw event, once, and make the record for raw. A record without a name is placed by its bytes."""
    if raw.hint or raw.delivery:  # before it is named: a name may be made of them
        hint, delivery = printable(raw.hint), printable(raw.delivery)
        if hint != raw.hint or delivery != raw.delivery:
            raw = replace(raw, hint=hint, delivery=delivery)
    try:
        identity = name(provider, raw)
    except Exception:  # noqa: BLE001  (whatever it is, the bytes are kept: the normalizer says why it has no name)
        identity = None
    envelope = Envelope(
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
    )
    key = digest(raw.source, identity.resource, identity.id) if identity else digest_of_bytes(raw.value)
    return Out(key, raw.value, headers_of(envelope))


def printable(told: str) -> str:
    r"""Make a text from outside fit the envelope; what fits already stays as it is.

    A byte of a header that is no UTF-8 reaches us as a lone surrogate, which nothing can encode: it is written as
    `\udcff`. Beyond 256 characters a text is cut and ends in its digest, so that two of them stay two.
    """
    if not told.isascii():
        told = told.encode("utf-8", "backslashreplace").decode()
    if len(told) <= _LONGEST:
        return told
    return f"{told[:_KEPT]}~{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}"


def headers_of(envelope: Envelope) -> Headers:
    """Write the envelope as the headers of a raw record."""
    return [(HEADER, bytes((FORMAT,)) + _encode(envelope))]


def read_envelope(headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """Read the envelope of a raw record or dead letter.

    Raises `LookupError` without one, `NewerFormat` where a newer Headrace wrote it, `ValueError` or `RecursionError`
    where it is damaged.
    """
    for header, value in headers:
        if header == HEADER and value:  # Kafka allows a header without a value
            if value[0] != FORMAT:
                raise NewerFormat(
                    f"a record on raw has format {value[:1].hex()}, this program reads {FORMAT}: upgrade it"
                )
            return _decode(value[1:])
    raise LookupError(f"the record has no header {HEADER}: nothing but Headrace may write to raw")


def digest(source: str, resource: str, id: str) -> bytes:  # noqa: A002  (the design's word)
    """Give the 16 bytes that place and remember an id."""
    return hashlib.blake2b(f"{source}\0{resource}\0{id}".encode(), digest_size=16).digest()


def digest_of_bytes(value: bytes, salt: str = "") -> bytes:
    """Give 16 bytes for a payload without a name, or, with a salt, for a dead letter of one code version."""
    salted = hashlib.blake2b(salt.encode(), digest_size=32).digest() if salt else b""
    return hashlib.blake2b(value, digest_size=16, key=b"bytes" + salted).digest()


def place(key: bytes, partitions: int) -> int:
    """Give the raw partition of a key: explicit, so that no client's partitioner can move an id."""
    return int.from_bytes(key[:8], "big") % partitions


@lru_cache(maxsize=256)
def shape_digest(shape: str) -> int:
    """Give the 16 bits that a mark keeps of a shape's name."""
    return zlib.crc32(shape.encode()) & 0xFFFF
