"""The records of the corpus, in their order: seeded, the same on any machine."""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.records.raw import digest_of_bytes, headers_of, to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import Via
from tests.corpus import bases
from tests.corpus.accounts import NAMES, PAUSED, STRANGER, provider_of
from tests.corpus.bases import Base
from tests.corpus.mutations import damaged, mutated, retimed, written
from tests.providers.kit import RECEIVED

SEED: Final = 20_261_130
STEP_MS: Final = 500
"""Between two records: the corpus is received within some hours, so that hours of the loss ledger close."""
_ROUNDS_OF_SAMPLES: Final = 16
_REMEMBERED: Final = 3_000
"""Records of which other versions and copies come later."""


class Input(Struct, frozen=True):
    """A record of raw, and what it was made of."""

    raw: RawEvent
    out: ProducerRecord


class Inputs:
    """What makes the records of the corpus, one after the other."""

    def __init__(self, seed: int = SEED) -> None:
        self.rng: Final = Random(seed)
        self.number = 0
        self.past: Final[list[Input]] = []

    def all(self) -> Iterator[Input]:
        """Yield every record: those of the load, those of the samples, and between them versions and copies of both."""
        for base in self.mixed():
            yield self.first(base)
            while self.rng.random() < 0.26:
                yield self.again(self.rng.choice(self.past))

    def mixed(self) -> Iterator[Base]:
        """Yield what all records begin with, the sources mixed."""
        samples, groups = bases.of_samples(), []
        for number in range(_ROUNDS_OF_SAMPLES):
            groups += [bases.renamed(group, number + 1) if number else group for group in samples]
        groups += [[base] for base in bases.of_load()]
        groups += [[base] for base in bases.of_changed_bodies(self.rng)]
        self.rng.shuffle(groups)
        for group in groups:
            self.rng.shuffle(group)
            yield from group

    def first(self, base: Base) -> Input:
        """Return a record, as it is or changed, of one tenant or another."""
        self.number += 1
        rng, piece = self.rng, base.piece
        via = base.via if rng.random() < 0.85 else rng.choice((Via.POLL, Via.WEBHOOK, Via.INGEST))
        drawn = rng.random()
        raw = RawEvent(
            provider=base.provider,
            tenant=PAUSED if drawn < 0.01 else STRANGER if drawn < 0.02 else rng.choice(NAMES),
            shape=piece.shape,
            value=self.changed(piece.value, 0.7 if base.named else 0.4),
            hint=piece.hint,
            via=via,
            received=RECEIVED + self.number * STEP_MS + rng.randrange(STEP_MS),
            delivery=f"{rng.randrange(10**6)}" if via is Via.WEBHOOK and rng.random() < 0.2 else "",
        )
        return self.appended(raw)

    def again(self, one: Input) -> Input:
        """Return a copy of an earlier record, or another version of it, by the same way or another one."""
        self.number += 1
        rng, raw = self.rng, one.raw
        via = rng.choice((raw.via, raw.via, Via.POLL, Via.WEBHOOK))
        value = raw.value if rng.random() < 0.4 else self.changed(raw.value, 0.0)
        flag = rng.choice((*((None,) * 12), "as_told", "twin", "swept"))
        flags: dict[str, Any] = {flag: True} if flag else {}
        received = RECEIVED + self.number * STEP_MS
        return self.appended(replace(raw, value=value, via=via, received=received, **flags))

    def changed(self, value: bytes, as_it_is: float) -> bytes:
        """Return a payload as it is, with changes, or damaged."""
        rng = self.rng
        if rng.random() < as_it_is:
            return value
        document = bases.document_of(value)
        if rng.random() < 0.02 or not isinstance(document, dict):
            return damaged(value, rng)
        for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
            document = retimed(document, rng) if rng.random() < 0.3 else mutated(document, rng)
        return written(document, rng)

    def appended(self, raw: RawEvent) -> Input:
        """Return a raw event with its record, which may be damaged or marked on its way."""
        rng = self.rng
        redriven = rng.random() < 0.01
        out = to_raw_record(provider_of(raw.provider), raw, redriven=redriven, letter="1@7" if redriven else "")
        one = Input(raw, out if rng.random() < 0.99 else _odd(raw, out, rng))
        if len(self.past) < _REMEMBERED:
            self.past.append(one)
        else:
            self.past[rng.randrange(_REMEMBERED)] = one
        return one


def _odd(raw: RawEvent, out: ProducerRecord, rng: Random) -> ProducerRecord:
    """Return a record as nothing but a fault, an older program or an order of an operator leaves it."""
    how = rng.randrange(8)
    if how == 0:
        return replace(out, headers=[])
    if how == 1:
        return replace(out, key=out.key[:7])
    if how == 2:
        return replace(out, headers=[(name, value[:-3]) for name, value in out.headers])
    if how <= 4:  # without the name that it can be given
        return replace(out, key=digest_of_bytes(raw.value), headers=headers_of(raw))
    flags: tuple[dict[str, Any], ...] = (
        {"tenant": "No Tenant's Name"},
        {"expired": True, "tenant": rng.choice((PAUSED, STRANGER))},
        {"replay": "00000000"},
    )
    return replace(out, headers=headers_of(replace(raw, **flags[how - 5])))
