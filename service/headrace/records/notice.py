"""The records of `notices`: CloudEvents in structured mode, keyed by source and subject. Pure."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from headrace.core.record import ProducerRecord
from headrace.core.timestamps import parse
from headrace_events import Notice, decode_notice as decode_any

_encode: Final = msgspec.json.Encoder().encode
_ATTRIBUTES: Final = (
    *("specversion", "id", "source", "type", "subject", "time", "recordedtime"),
    *("datacontenttype", "dataschema", "partitionkey"),
)
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def encode_notice(notice: Notice) -> ProducerRecord:
    """Return the record of a notice: the whole of it as the value, its attributes again as `ce_` headers."""
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    headers += [(f"ce_{name}", str(getattr(notice, name)).encode()) for name in _ATTRIBUTES]
    return ProducerRecord(notice.partitionkey.encode(), _encode(notice), headers)


def decode_notice(key: bytes, value: bytes) -> Notice:
    """Return the notice of a record, whose times can be relied on. Raises `ValueError`, as msgspec's errors are."""
    notice = decode_any(value)
    data = notice.data
    if notice.partitionkey.encode() != key:
        raise ValueError("it stands under a key that is not its own")
    for text in (notice.recordedtime, data.since, data.ended, data.until):
        if text is not None:
            _check_time(text)
    return notice


def _check_time(text: str) -> None:
    """Raise `ValueError` where a text is no time with a zone, since 1970."""
    if datetime.fromisoformat(text).tzinfo is None or parse(text) < _EARLIEST:
        raise ValueError(f"no time: {text[:40]}")
