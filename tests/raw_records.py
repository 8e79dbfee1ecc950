"""What comes back from raw."""

from headrace.records.raw import from_raw_record, to_raw_record
from headrace.sdk.provider import Provider, RawEvent


def through_raw(provider: Provider, raw: RawEvent, *, redriven: bool = False) -> RawEvent:
    """Return a raw event as it is read from the record that it became."""
    record = to_raw_record(provider, raw, redriven=redriven)
    return from_raw_record(record.headers, record.value)
