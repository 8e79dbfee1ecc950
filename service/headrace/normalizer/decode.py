"""Decode raw records: the header, the tenant, and what the provider makes of the bytes. Pure.

Records of one shape are translated one after the other, wherever they stand: the interpreter and the caches of the
processor are a fifth faster at one kind of work at a time. Order counts only where fates are decided.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from headrace.config.tenants import Account, Tenants
from headrace.core.problems import from_exception
from headrace.core.redactor import Redactor
from headrace.normalizer.commit import RawRecord
from headrace.normalizer.held import can_be_held, is_held, why_not_held
from headrace.records.event import meaning_of
from headrace.records.mark import IMMUTABLE, UNKNOWN
from headrace.records.raw import from_raw_record, identify
from headrace.sdk.provider import Draft, Dropped, RawEvent, Version, source_of
from headrace_events import Problem, Source, Via

_KEY_BYTES: Final = 16


class DecodedRecord(Struct, gc=False):
    """A raw record as far as it is decoded.

    `became` is None until it is translated, and a problem where it cannot be; `meaning` is that of a draft. `account`
    is None where its tenant is not configured, or where Headrace did not write the record. `version` is as a mark
    keeps it. `waits` says that it is to be held: its problem is what it has where there is no room.
    """

    record: RawRecord
    raw: RawEvent
    source: str
    key: bytes
    version: int
    account: Account | None
    became: Draft | Dropped | Problem | None = None
    meaning: int = 0
    waits: bool = False

    @property
    def mapping(self) -> str:
        """The id of the mapping under which it is translated, an empty string where there is none."""
        return self.account.mapping_id if self.account else ""

    @property
    def redactor(self) -> Redactor | None:
        """What redacts the events of its tenant, None where nothing does."""
        return self.account.redactor if self.account else None


def decode(record: RawRecord, tenants: Tenants) -> DecodedRecord:
    """Decode what stands beside the bytes. Raises `NewerFormat` where a newer Headrace wrote it."""
    try:
        raw = _raw_event_of(record)
    except (LookupError, ValueError, RecursionError) as error:
        return _foreign(record, error)
    source = source_of(raw.provider, raw.tenant)
    account = tenants.by_source.get(source)
    decoded = DecodedRecord(record, raw, source, record.key or b"", _number(raw.version), account)
    if is_held(account):
        decoded.waits = can_be_held(raw)
        decoded.became = why_not_held(raw, account, full=decoded.waits)
    elif account is not None and not raw.id:
        decoded.became = _nameless(raw, account)
    return decoded


def translate_by_shape(records: Iterable[DecodedRecord]) -> None:
    """Translate records, shape by shape."""
    shapes: dict[str, list[DecodedRecord]] = defaultdict(list)
    for decoded in records:
        shapes[decoded.raw.shape].append(decoded)
    for alike in shapes.values():
        for decoded in alike:
            translate(decoded)


def translate(decoded: DecodedRecord) -> Draft | Dropped | Problem:
    """Set and return what a record becomes: whatever goes wrong is its own problem."""
    account = decoded.account
    if account is None:
        raise ValueError(f"{decoded.source} is not configured: it cannot be translated")
    became: Draft | Dropped | Problem
    try:
        became = account.provider.translate(decoded.raw, account.mapping)
        if isinstance(became, Draft):
            decoded.meaning = meaning_of(became)
    except Exception as error:  # noqa: BLE001  (one bad record stays one: it becomes a dead letter, whatever it was)
        became = from_exception(error, decoded.raw.value)
    decoded.became = became
    return became


def _raw_event_of(record: RawRecord) -> RawEvent:
    """Return the raw event of a record. Raises `NewerFormat`, or what `from_raw_record` raises, where it is none."""
    raw = from_raw_record(record.headers, record.value)
    if len(record.key or b"") != _KEY_BYTES:
        raise LookupError(f"the record's key is no digest of {_KEY_BYTES} bytes: nothing but Headrace may write to raw")
    return raw


def _foreign(record: RawRecord, error: Exception) -> DecodedRecord:
    """Keep a record that Headrace did not write, with an empty header."""
    problem = Problem("foreign", "Not a record of ours", str(error), Source("$"))
    value = record.value or b""
    raw = RawEvent(provider="", tenant="", shape="", via=Via.INGEST, received=record.timestamp, value=value)
    return DecodedRecord(record, raw, raw.source, b"", UNKNOWN, None, became=problem)


def _nameless(raw: RawEvent, account: Account) -> Problem:
    """Return why a record has no name: translating it finds the place."""
    try:
        identify(account.provider, raw)
        account.provider.translate(raw, account.mapping)
    except Exception as error:  # noqa: BLE001  (the reason is wanted, whatever it is)
        return from_exception(error, raw.value)
    return Problem("unnamed", "It carried no name when it came in", "it can be read now: redrive it", Source("$"))


def _number(version: Version) -> int:
    """Return a version as a mark keeps it."""
    if version is None:
        return IMMUTABLE
    return UNKNOWN if version == "unknown" else version
