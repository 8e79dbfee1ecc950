"""Cut what LeadPing sends into records, their bytes untouched."""

from collections.abc import Iterator, Set as AbstractSet
from typing import Any, Final

import msgspec
from msgspec import Raw

from headrace.problems import Undecodable, bad_value
from headrace.providers.base import UNREADABLE, Piece

ROW: Final = "row"
DETAIL: Final = "detail"
BUNDLE: Final = "bundle"
CALL: Final = "call"
SMS: Final = "sms"
AUTOMATION: Final = "automation"

_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw] | list[Raw])
_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_UNCUTTABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_PARTS: Final = frozenset({"row", "detail", "call"})
_TYPED: Final = frozenset({"activityType", "timelineType", "eventType"})
_ONLY_DETAILS: Final = frozenset({"modifiedAt", "secondaryEventType", "user", "userId", "userEmail"})
_ONLY_CALLS: Final = frozenset({"callerId", "answeredAt", "endedAt", "billableSeconds", "recordingUrl"})
_ONLY_SMS: Final = frozenset({"text", "isAutomated"})

Members = dict[str, Raw]


def cut(body: bytes, resource: str | None) -> Iterator[Piece]:
    """Cut a page, a list of records or one record; never raises.

    `resource` settles whether records are calls, SMS rows or automation bodies; without it the shape tells. An
    automation body is free-form: unless it is asked for by name, only the event inside it is recognised.
    """
    if resource == AUTOMATION:
        yield automation(body)
        return
    found = _members(body)
    items = found if isinstance(found, list) else _page(found)
    if items is None:
        yield Piece(_shape(found, resource), body) if isinstance(found, dict) else Piece(UNREADABLE, body)
        return
    paged = None if isinstance(found, list) else resource or _first_shape(items)
    for item in items:
        value = bytes(item)
        yield Piece(_shape(_members(value), resource, paged), value)


def automation(body: bytes, pointers: tuple[str, ...] = ("", "/event")) -> Piece | None:
    """Hmm."""


def explain_unreadable(body: bytes) -> Undecodable:
    """Hmm."""
