"""Cut what Outreach sends into rows and webhook bodies, bytes untouched."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from headrace.providers.outreach.wire import EVENT, WEBHOOK
from headrace.sdk.provider import UNREADABLE, Piece


class _EventName(Struct, gc=False, rename="camel"):
    event_name: Raw | UnsetType = UNSET


class _OuterObject(Struct, gc=False):
    """The outermost object, whatever it is: a page, a single record, a row or a webhook body."""

    data: Raw | UnsetType = UNSET
    meta: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET


_array: Final = msgspec.json.Decoder(list[Raw]).decode
_outer: Final = msgspec.json.Decoder(_OuterObject).decode
_meta: Final = msgspec.json.Decoder(_EventName).decode


def cut(body: bytes, resource: str | None = None) -> Iterator[Piece]:
    """Cut a page, a single record, a row, a webhook body, or an array of these; never raises."""
    try:
        parts = _array(body) if body.lstrip()[:1] == b"[" else (body,)
        pieces = [piece for part in parts for piece in _pieces(bytes(part), resource)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pieces = [Piece(UNREADABLE, body)]
    yield from pieces


def _pieces(body: bytes, resource: str | None) -> Iterator[Piece]:
    """Cut one object; raises what msgspec raises where it is none, or has nothing in it."""
    outer = _outer(body)
    if resource not in (None, EVENT) or (resource is None and _is_webhook(outer)):
        yield Piece(WEBHOOK, body)
    elif outer.data is UNSET and outer.id is not UNSET:
        yield Piece(EVENT, body)
    elif outer.data is UNSET:
        raise msgspec.ValidationError("no data")
    elif bytes(outer.data)[:1] == b"[":
        yield from (Piece(EVENT, bytes(row)) for row in _array(outer.data))
    else:
        yield Piece(EVENT, bytes(outer.data))


def _is_webhook(outer: _OuterObject) -> bool:
    """Return whether this is a webhook body, by its event name: the pages of the API have a `meta` too."""
    if outer.meta is UNSET or bytes(outer.meta)[:1] != b"{":
        return False
    return _meta(outer.meta).event_name is not UNSET
