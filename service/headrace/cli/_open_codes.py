"""Native codes without a row of their own in the events on Kafka, and what today's tables make of them.

Raw records are translated again: only that tells what a provider looks up, and under which status word. Where raw has
gone, the table of the resource, or each, is asked for the code itself.
"""

import contextlib
from collections.abc import Iterable, Mapping as Dict
from typing import Final

from msgspec import Struct

from headrace.cli._event_lines import PROVISIONAL
from headrace.cli._topic_reader import read_events
from headrace.config import Config
from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import UNMAPPED, Row
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.records_at import records_at
from headrace.normalizer.decode import decode, translate
from headrace.sdk.provider import Draft, Dropped, Provider
from headrace_events import Event

OPEN: Final = "open"
"""What stands in place of a type where no row decides, or only a provisional one."""


class NativeCode(Struct, frozen=True):
    """A native code, and the event type that it is published as."""

    source: str
    resource: str
    code: str
    name: str
    published_as: str


class CodeUse(Struct):
    """In how many events a code occurs, when the last of them was recorded, and what it is `today`: a type, or open."""

    events: int = 0
    last: str = ""
    today: str = OPEN


class _Example(Struct, frozen=True):
    """The last event of a code under one status: what it was called, its raw record, the mapping it was read with."""

    source: str
    resource: str
    id: str
    code: str
    name: str | None
    status: str | None
    mapping: str
    topic: str
    partition: int
    offset: int


_Uses = dict[tuple[NativeCode, str | None], tuple[CodeUse, _Example]]


async def undecided_codes(
    config: Config, provider: Provider | None, tenant: str | None
) -> list[tuple[NativeCode, CodeUse]]:
    """Return the codes without a row of their own in all events of one provider and tenant, or of all.

    A code occurs once for each type that it is today.
    """
    uses = await _count(config, provider, tenant)
    today = await _types_today(config, [example for _, example in uses.values()])
    found: dict[tuple[NativeCode, str], CodeUse] = {}
    for (code, _), (use, example) in uses.items():
        word = today[example]
        one = found.setdefault((code, word), CodeUse(today=word))
        one.events += use.events
        one.last = max(one.last, use.last)
    return [(code, use) for (code, _), use in found.items()]


async def _count(config: Config, provider: Provider | None, tenant: str | None) -> _Uses:
    uses: _Uses = {}
    async with contextlib.aclosing(read_events(config)) as events:
        async for _, event in events:
            native = event.data.native
            wanted = (provider is None or native.provider == provider.name) and tenant in (None, native.tenant)
            if not wanted or not _undecided(event):
                continue
            published_as = f"{event.word} (provisional)" if event.word != UNMAPPED else UNMAPPED
            code = NativeCode(event.source, native.resource, native.code or "-", native.name or "", published_as)
            use, example = uses.get((code, native.status)) or (CodeUse(), _example(event))
            use.events += 1
            if event.recordedtime > use.last:
                use.last, example = event.recordedtime, _example(event)
            uses[code, native.status] = use, example
    return uses


def _undecided(event: Event) -> bool:
    """Return whether an event had no row of its own: unmapped, or mapped by a provisional row."""
    return event.word == UNMAPPED or event.data.provenance.row.endswith(PROVISIONAL)


def _example(event: Event) -> _Example:
    native, provenance = event.data.native, event.data.provenance
    return _Example(
        source=event.source,
        resource=native.resource,
        id=native.id,
        code=native.code or "",
        name=native.name,
        status=native.status,
        mapping=provenance.mapping,
        topic=provenance.raw.topic,
        partition=provenance.raw.partition,
        offset=provenance.raw.offset,
    )


async def _types_today(config: Config, examples: Iterable[_Example]) -> Dict[_Example, str]:
    """Return for each example the type of its row today, the fate of what is dropped, or `OPEN`."""
    today = dict.fromkeys(examples, OPEN)
    changed: dict[_Example, Account] = {}
    for example in today:
        account = config.tenants.by_source.get(example.source)
        if account is not None and account.mapping.id != example.mapping:
            changed[example] = account
    translated = await _translated(config, changed)
    for example, account in changed.items():
        today[example] = translated.get(example) or _looked_up(account, example)
    return today


async def _translated(config: Config, examples: Iterable[_Example]) -> Dict[_Example, str]:
    """Return what the raw records of examples are today, as far as they are left."""
    raw = f"{config.topic_prefix}raw"
    places: dict[int, dict[int, _Example]] = {}
    for example in examples:
        if example.topic == raw:
            places.setdefault(example.partition, {})[example.offset] = example
    found: dict[_Example, str] = {}
    if not places:
        return found
    async with Consumer(config.kafka, committed=False) as log:
        partitions = await log.partitions_of(raw)
        for partition, wanted in places.items():
            if partition >= partitions:
                continue
            async with contextlib.aclosing(records_at(log, raw, partition, wanted)) as records:
                async for offset, record in records:
                    word = None if record is None else _type_of(record, wanted[offset], config.tenants)
                    if word is not None:
                        found[wanted[offset]] = word
    return found


def _type_of(record: Record, example: _Example, tenants: Tenants) -> str | None:
    """Return what a raw record is today, None where it is another one, or cannot be read any more."""
    decoded = decode(record, tenants)
    if decoded.account is None or (decoded.source, decoded.raw.id) != (example.source, example.id):
        return None
    match translate(decoded):
        case Draft(row=row):
            return _word(row)
        case Dropped(fate=fate):
            return fate
    return None


def _looked_up(account: Account, example: _Example) -> str:
    tables = account.provider.tables
    candidates = (example.resource,) if example.resource in tables else tuple(tables)
    found = (_word(account.mapping.find(table, example.code, example.status, example.name)) for table in candidates)
    return next((word for word in found if word != OPEN), OPEN)


def _word(row: Row) -> str:
    return OPEN if row.provisional or row.type == UNMAPPED else row.type
