"""Step 1. What Acme sends, typed. Fields that no Struct names are ignored; the bytes stay in raw."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

NAME: Final = "acme"
FEED: Final = "events"
EVENT: Final = "event"
"""The one shape, resource and table that Acme has."""

RESOURCES: Final = {EVENT: "a page of GET /events, or the one event of a webhook"}
TABLES: Final = {EVENT: "the kinds of Acme's events"}


class AcmePage(Struct):
    """`GET /events`: the rows are kept as the bytes they are; `next` is the token of the page behind this one."""

    events: list[Raw]
    next: str | None = None


class AcmeKey(Struct):
    """The fields of a row that name it; `changed` is its version, in milliseconds since the epoch."""

    id: int
    changed: int


class AcmeRow(AcmeKey):
    """An event: a call or a note of one person."""

    kind: str
    person: str
    at: str
    state: str | None = None
    seconds: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    text: str | None = None


decode_page: Final = msgspec.json.Decoder(AcmePage).decode
decode_key: Final = msgspec.json.Decoder(AcmeKey).decode
decode_row: Final = msgspec.json.Decoder(AcmeRow).decode
