"""The notice: what an operator must know, and that it is over, on `notices`."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Struct

from headrace_events.about import about


class NoticeData(Struct, omit_defaults=True, gc=False, kw_only=True):
    """What is the case, of which tenant or process."""

    notice: Annotated[str, about("What is the case.", "tenant_parked", "feed_stale")]
    state: Annotated[str, about("Whether it holds.", "open", "over")]
    summary: Annotated[
        str,
        about("What is wrong and what to do, in a sentence or two; up to 300 characters.", "the platform says 401"),
    ]
    item: Annotated[
        str | None, about("The feed, webhook or native code that it is about, where there is one.", "lead-activities")
    ] = None
    since: Annotated[str, about("When it began; of a code, when it was first seen.", "2026-10-01T06:40:00Z")]
    ended: Annotated[str | None, about("When it was over; absent while it holds.", "2026-10-01T09:12:30Z")] = None
    until: Annotated[
        str | None,
        about(
            "Of what holds: it is written again before then. If it is not, nobody knows whether it still holds.",
            "2026-10-01T09:40:00Z",
        ),
    ] = None
    mapping: Annotated[
        str | None, about("Of a code: the version of the tables that have no row of its own for it.", "0b6d3e58")
    ] = None


_DATA = {
    "notice": "tenant_parked",
    "state": "open",
    "summary": "the platform says 401: correct the credentials",
    "since": "2026-10-01T06:40:00Z",
    "until": "2026-10-01T09:40:00Z",
}


class Notice(Struct, omit_defaults=True, gc=False, kw_only=True):
    """What an operator must know, or that it is over: the last record of each key is how things stand.

    The key is `source` and `subject`. What holds is written again now and then, each time with an `id` of its own.
    """

    specversion: Annotated[str, about("The version of CloudEvents.", "1.0")]
    id: Annotated[
        str,
        about("The subject and when it was written (ms since the epoch).", "tenant_parked/1790836800000"),
    ]
    source: Annotated[
        str, about("The platform and the tenant, or the process.", "/leadping/birch", "/headrace/web-1/receiver")
    ]
    type: Annotated[
        str,
        about(
            "A word of NoticeKind in taxonomy.json between `headrace.notice.` and the version.",
            "headrace.notice.tenant_parked.v1",
        ),
    ]
    subject: Annotated[
        str, about("What is the case, and the item that it is about.", "tenant_parked", "feed_stale/lead-activities")
    ]
    time: Annotated[str, about("When it began, or when it was over.", "2026-10-01T06:40:00Z")]
    recordedtime: Annotated[str, about("When it was written.", "2026-10-01T06:40:00.512Z")]
    datacontenttype: Annotated[str, about("The form of `data`.", "application/json")]
    dataschema: Annotated[str, about("The schema of the notice, this one.", "urn:headrace:notice:1")]
    partitionkey: Annotated[
        str, about("The source and the subject, the key of the Kafka record.", "/leadping/birch/tenant_parked")
    ]
    data: Annotated[NoticeData, about("What is the case.", _DATA)]

    @property
    def is_open(self) -> bool:
        """Whether it held when it was written."""
        return self.data.state == "open"

    def holds(self, now: datetime) -> bool:
        """Return whether it holds as far as anybody knows: it is open, and was written again in time."""
        return self.is_open and (self.data.until is None or now < datetime.fromisoformat(self.data.until))


_notice = msgspec.json.Decoder(Notice)


def decode_notice(value: bytes) -> Notice:
    """Read the value of a record on `notices`; unknown fields and words are no error.

    Raises `msgspec.DecodeError` where the bytes are no notice.
    """
    return _notice.decode(value)
