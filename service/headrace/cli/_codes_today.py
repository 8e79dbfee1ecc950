"""What today's tables make of events that were published before, judged by their raw records.

Only translating a raw record again tells what a provider looks up, in which table, and under which status word. Where
raw has gone, the table of the resource, or each, is asked for the code itself.
"""

import contextlib
from collections.abc import Mapping as Dict
from typing import Final

import msgspec
from msgspec import Struct

from headrace.cli._code_uses import CodeUse, Sample, UseKey
from headrace.config import Config
from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import UNMAPPED, Mapping, Row
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.records_at import records_at
from headrace.normalizer.decode import decode, translate
from headrace.sdk.provider import Draft, Dropped

OPEN: Final = "open"
"""What stands in place of a type where no row decides, or only a provisional one."""


class Today(Struct, frozen=True):
    """What a code is today: a type, the fate of what is dropped, or `OPEN`; and where its row would have to stand.

    `table` and `code` are what was looked up last without finding a row that decides, None where that is not known.
    """

    word: str
    table: str | None = None
    code: str | None = None


class _Probe(Mapping):
    """A mapping that notes what was asked for and found no row that decides."""

    def __init__(self, mapping: Mapping) -> None:
        super().__init__(mapping.entries)
        self.missed: tuple[str | None, str | None] = None, None

    def find(self, table: str, code: str, word: str | None = None, name: str | None = None) -> Row:
        """See Mapping."""
        row = super().find(table, code, word, name)
        if _word(row) == OPEN:
            self.missed = table, code
        return row


async def types_today(config: Config, uses: Dict[UseKey, CodeUse], *, places: bool) -> Dict[UseKey, Today]:
    """Return what each code is today. With `places`, raw is read for codes whose tables did not change, too."""
    wanted: dict[UseKey, tuple[Account, Sample]] = {}
    for key, use in uses.items():
        account, sample = config.tenants.by_source.get(key.source), use.samples[-1]
        if account is not None and (places or account.mapping_id != sample.mapping):
            wanted[key] = account, sample
    translated = await _translated(config, wanted)
    today = dict.fromkeys(uses, Today(OPEN))
    for key, (account, _) in wanted.items():
        today[key] = translated.get(key) or _looked_up(account, key)
    return today


async def _translated(config: Config, wanted: Dict[UseKey, tuple[Account, Sample]]) -> Dict[UseKey, Today]:
    """Return what the raw records of samples are today, as far as they are left."""
    topic = f"{config.topic_prefix}raw"
    places: dict[int, dict[int, UseKey]] = {}
    for key, (_, sample) in wanted.items():
        if sample.raw.topic == topic:
            places.setdefault(sample.raw.partition, {})[sample.raw.offset] = key
    found: dict[UseKey, Today] = {}
    if not places:
        return found
    accounts = {account.source: account for account, _ in wanted.values()}
    tenants = Tenants([msgspec.structs.replace(one, mapping=_Probe(one.mapping)) for one in accounts.values()])
    async with Consumer(config.kafka, committed=False) as log:
        partitions = await log.partitions_of(topic)
        for partition in (each for each in places if each < partitions):
            async with contextlib.aclosing(records_at(log, topic, partition, places[partition])) as records:
                async for offset, record in records:
                    key = places[partition][offset]
                    today = None if record is None else _today(record, key.source, wanted[key][1], tenants)
                    if today is not None:
                        found[key] = today
    return found


def _today(record: Record, source: str, sample: Sample, tenants: Tenants) -> Today | None:
    """Return what a raw record is today, None where it is another one, or cannot be read any more."""
    decoded = decode(record, tenants)
    if decoded.account is None or (decoded.source, decoded.raw.id) != (source, sample.id):
        return None
    probe = decoded.account.mapping
    if isinstance(probe, _Probe):
        probe.missed = None, None
    match translate(decoded):
        case Draft(row=row):
            return Today(_word(row), *(probe.missed if isinstance(probe, _Probe) else (None, None)))
        case Dropped(fate=fate):
            return Today(fate)
    return None


def _looked_up(account: Account, key: UseKey) -> Today:
    """Return what the tables themselves have of a code."""
    tables = account.provider.tables
    candidates = (key.resource,) if key.resource in tables else tuple(tables)
    found = (_word(account.mapping.find(table, key.code, key.status, key.name)) for table in candidates)
    table = candidates[0] if len(candidates) == 1 else None
    return Today(next((word for word in found if word != OPEN), OPEN), table, key.code)


def _word(row: Row) -> str:
    return OPEN if row.provisional or row.type == UNMAPPED else row.type
