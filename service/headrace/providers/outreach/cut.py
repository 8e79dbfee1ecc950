"""Cut what Outreach sends into rows and webhook bodies, bytes untouched."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from headrace.providers.outreach.wire import EVENT, WEBHOOK
from headrace.sdk.array_items import array_items
from headrace.sdk.json_structure import UNCUTTABLE, decoded_once, open_object, without_bom
from headrace.sdk.provider import UNREADABLE, Piece


class _EventName(Struct, gc=False, rename="camel"):
    event_name: Raw | UnsetType = UNSET


class _OuterObject(Struct, gc=False):
    """The outermost object, whatever it is: a page, a single record, a row or a webhook body."""

    data: Raw | UnsetType = UNSET
    meta: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET


_outer: Final = msgspec.json.Decoder(_OuterObject)
_meta: Final = msgspec.json.Decoder(_EventName)


def cut(body: bytes, resource: str | None = None) -> Iterator[Piece]:
    """Cut a page, a single record, a row, a webhook body, or an array of these; never raises."""
    body = decoded_once(without_bom(body))
    try:
        parts = array_items(body) if body.lstrip()[:1] == b"[" else iter((body,))
    except UNCUTTABLE:
        parts = iter((body,))
    for part in map(decoded_once, parts):
        yield from _pieces(part, resource)


def _pieces(body: bytes, resource: str | None) -> Iterator[Piece]:
    """Cut one object; what is none, or has nothing in it, stays as it is."""
    try:
        shape, values = _records(body, resource)
    except UNCUTTABLE:
        shape, values = UNREADABLE, iter((body,))
    for value in values:
        yield Piece(shape, value)


def _records(body: bytes, resource: str | None) -> tuple[str, Iterator[bytes]]:
    """Return the shape and the records of an object. Raises what msgspec raises."""
    outer = open_object(_outer, body)
    if resource not in (None, EVENT) or (resource is None and _is_webhook(outer)):
        return WEBHOOK, iter((body,))
    if outer.data is UNSET and outer.id is not UNSET:
        return EVENT, iter((body,))
    if outer.data is UNSET:
        raise msgspec.ValidationError("no data")
    data = bytes(outer.data)
    return EVENT, array_items(data) if data[:1] == b"[" else iter((data,))


def _is_webhook(outer: _OuterObject) -> bool:
    """Return whether this is a webhook body, by its event name: the pages of the API have a `meta` too."""
    if outer.meta is UNSET or bytes(outer.meta)[:1] != b"{":
        return False
    return open_object(_meta, bytes(outer.meta)).event_name is not UNSET
