"""The records of `notices`: CloudEvents in structured mode, keyed by source and subject. Pure."""

from typing import Final

import msgspec

from headrace.core.record import ProducerRecord
from headrace_events import Notice

_encode: Final = msgspec.json.Encoder().encode
_ATTRIBUTES: Final = (
    *("specversion", "id", "source", "type", "subject", "time", "recordedtime"),
    *("datacontenttype", "dataschema", "partitionkey"),
)


def encode_notice(notice: Notice) -> ProducerRecord:
    """Return the record of a notice: the whole of it as the value, its attributes again as `ce_` headers."""
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    headers += [(f"ce_{name}", str(getattr(notice, name)).encode()) for name in _ATTRIBUTES]
    return ProducerRecord(notice.partitionkey.encode(), _encode(notice), headers)
