"""What the corpus begins with: payloads of each shape, as the providers themselves cut them, and new names for them."""

import json
import re
import uuid
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from msgspec import Struct

from headrace.sdk.provider import Piece, RawEvent
from headrace_events import Via
from tests.benchmarks import load
from tests.corpus.accounts import BUILT_IN, provider_of
from tests.corpus.mutations import paths, put, value_at
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_OF_EACH_KIND: Final = 4_400
"""Payloads of each kind of the benchmarks' load: they have ids of their own."""
_CHANGED_BODIES: Final = 10
"""Times that the body of each sample is changed before it is cut."""


class Base(Struct, frozen=True):
    """One record of a provider to begin with; `named`: it has an id that no other has."""

    provider: str
    piece: Piece
    via: Via
    named: bool = False


def of_load() -> Iterator[Base]:
    """Yield the kinds of the benchmarks' load."""
    for kind in load.MIX:
        for raw in load.raw_events(kind, _OF_EACH_KIND):
            via = Via.WEBHOOK if "webhook" in kind[1] else Via.POLL
            yield Base(raw.provider, Piece(raw.shape, raw.value, raw.hint), via, named=True)


def of_samples() -> list[list[Base]]:
    """Return the records of all samples and twins; those of one sample, or one twin, stand together."""
    found: list[list[Base]] = []
    for home in BUILT_IN:
        for sample in suite.samples(home):
            via = Via.WEBHOOK if suite.beside(sample, ".headers.json").exists() else Via.POLL
            found.append([Base(home.name, piece, via) for piece in suite.pieces(home, sample)])
        found += [
            [Base(home.name, one.piece, one.via) for version in twin.versions for one in version]
            for twin in suite.kit_of(home).twins()
        ]
    return [bases for bases in found if bases]


def of_changed_bodies(rng: Random) -> Iterator[Base]:
    """Yield what providers cut from bodies of samples that were changed, or broke off."""
    for home in BUILT_IN:
        provider = suite.provider_of(home)
        for sample in suite.samples(home):
            body = sample.read_bytes()
            for _ in range(_CHANGED_BODIES):
                at = rng.randrange(len(body) + 1)
                noise = rng.choice((b"", b"", b"null", b'"', b"}", b",", b"[", rng.randbytes(2)))
                changed = body[:at] if rng.random() < 0.4 else body[:at] + noise + body[at + len(noise) :]
                resource = rng.choice((None, *sorted(provider.resources)))
                yield from (Base(home.name, piece, Via.POLL) for piece in provider.cut(changed, resource))


def renamed(bases: list[Base], number: int) -> list[Base]:
    """Return records that belong together with new ids, the same for all that had the same; `number` makes them."""
    return [_renamed(base, number) for base in bases]


def document_of(value: bytes) -> Any:
    """Return a payload as a document, None where it is none."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _renamed(base: Base, number: int) -> Base:
    document, names = document_of(base.piece.value), _names(base)
    if not names or not isinstance(document, dict):
        return base
    changed = document
    for path in paths(document):
        value = value_at(document, path)
        if not isinstance(value, (dict, list, bool, float)) and str(value).lower() in names:
            changed = put(changed, path, _new(value, number))
    piece = Piece(base.piece.shape, json.dumps(changed, separators=(",", ":")).encode(), base.piece.hint)
    return Base(base.provider, piece, base.via)


def _names(base: Base) -> set[str]:
    """Return the texts, in lower case, of which the record's name is made."""
    raw = RawEvent(
        provider=base.provider,
        tenant=TENANT,
        shape=base.piece.shape,
        value=base.piece.value,
        hint=base.piece.hint,
        via=base.via,
        received=RECEIVED,
    )
    try:
        named = provider_of(base.provider).identity(raw).id.lower()
    except Exception:  # noqa: BLE001  (it has no name to change)
        return set()
    return {named, named.partition("/")[0]} - {""}


def _new(old: Any, number: int) -> Any:
    """Return another id of the same form."""
    if isinstance(old, int):
        return 50_000_000 + number * 100 + old % 100
    if _GUID.fullmatch(old):
        return str(uuid.UUID(int=uuid.UUID(old).int ^ (number << 40)))
    return str(50_000_000 + number * 100 + int(old) % 100) if old.isdecimal() else f"{old}-{number}"
