"""Cut what LeadPing sends into records, their bytes untouched, and guess the shape where nobody names it."""

import sys
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw

from headrace.core.problems import Undecodable, bad_value
from headrace.providers.leadping.wire import AUTOMATION, BUNDLE, CALL, DETAIL, ROW, ROWLESS, SMS
from headrace.sdk.array_items import array_items
from headrace.sdk.json_structure import UNCUTTABLE, decoded_once, is_sound, members, without_bom
from headrace.sdk.provider import UNREADABLE, Piece

_decode_members: Final = msgspec.json.Decoder(dict[str, Raw] | list[Raw]).decode

_decode_whole: Final = msgspec.json.Decoder(Raw).decode
_PARTS: Final = ("row", "detail", "call")
_TYPED: Final = frozenset({"activityType", "timelineType", "eventType"})
_ONLY_DETAILS: Final = frozenset({"modifiedAt", "secondaryEventType", "user", "userId", "userEmail"})
_ONLY_CALLS: Final = frozenset({"callerId", "answeredAt", "endedAt", "billableSeconds", "recordingUrl"})
_ONLY_SMS: Final = frozenset({"text", "isAutomated"})
_NUMBERS: Final = frozenset({"fromPhoneNumber", "toPhoneNumber"})
_WHOSE: Final = frozenset({"user", "business"})
"""With both numbers and one of these, what has neither type nor text is a call."""


def cut(body: bytes, resource: str | None = None) -> Iterator[Piece]:
    """Cut a page, a list of records or one record; never raises.

    The records of a page have one shape, those of a bare list each their own. Automation bodies are free-form: they
    are taken for what they are only where `resource` says so, or where an event is found inside.
    """
    body = decoded_once(without_bom(body))
    if resource == AUTOMATION:
        yield from automation(body, None)
        return
    try:
        found = _members(body)
        array = body if not isinstance(found, dict) else bytes(found["items"]) if "items" in found else None
        paged = None if array is None or array is body else _page_shape(_rows(array), resource)
    except UNCUTTABLE:
        yield Piece(UNREADABLE, body)
        return
    if array is None:
        yield from _single(body, resource)
        return
    for value in _rows(array):
        yield Piece(paged or _guess(value, resource) or UNREADABLE, value)


def automation(body: bytes, pointer: str | None, most: int = sys.maxsize) -> list[Piece]:
    """Cut the body of an automation's webhook: the events at a JSON pointer (RFC 6901), else the body as it is.

    What the tenant's pointer names needs an `id` to be an event. Without a pointer the body itself and its member
    `event` are looked at, and have to look like a record that we know. Of more than `most` records, one more is cut.
    """
    body = decoded_once(without_bom(body))
    try:
        found = _members(body)
    except msgspec.ValidationError:
        return [Piece(AUTOMATION, body)]  # JSON, but neither object nor array
    except UNCUTTABLE:
        return [Piece(UNREADABLE, body)]
    if pointer is None:
        pieces = _records(body, found, None, most)
        if not pieces and isinstance(found, dict) and "event" in found:
            pieces = _events(bytes(found["event"]), "", None, most)
    else:
        pieces = _events(body, pointer, ROW, most)
    return pieces or [Piece(AUTOMATION if _is_json(body) else UNREADABLE, body)]


def unreadable(body: bytes) -> Undecodable:
    """Return why a body could not be cut. Raises what msgspec raises where it is no JSON object or array."""
    _decode_whole(body)
    found = _members(body)
    if isinstance(found, dict) and "items" in found and bytes(found["items"])[:1] not in (b"[", b"n"):
        return bad_value("$.items", "the items of a page are an array")
    return bad_value(
        "$", "neither a page, a row, a detail, a call nor a bundle: name the resource if it is one of them"
    )


def _single(body: bytes, resource: str | None) -> Iterator[Piece]:
    shape = _guess(body, resource)
    inside = [] if shape else _events(body, "/event", None)
    yield from inside or [Piece(shape or UNREADABLE, body)]


def _members(body: bytes) -> dict[str, Raw] | Iterator[bytes]:
    """Return the members of an object, or the items of an array one after the other. Raises what msgspec raises."""
    try:
        found = array_items(body) if body.lstrip()[:1] == b"[" else _decode_members(body)
    except UNCUTTABLE:
        if not is_sound(body, b"{"):
            raise
        return {name: Raw(value) for name, value in members(body).items()}
    return map(bytes, found) if isinstance(found, list) else found


def _is_json(body: bytes) -> bool:
    try:
        _decode_whole(body)
    except UNCUTTABLE:
        return False
    return True


def _rows(array: bytes) -> Iterator[bytes]:
    return iter(()) if array == b"null" else map(decoded_once, array_items(array))


def _page_shape(items: Iterator[bytes], resource: str | None) -> str | None:
    """Return the shape of all rows of a page: that of the first one that is recognised."""
    if resource in (CALL, SMS):
        return resource
    return next((shape for item in items if (shape := _guess(item, None))), ROW if resource else None)


def _guess(value: bytes, resource: str | None) -> str | None:
    """Return the shape of a record, by the names in it; None where it has no known form."""
    if resource in (CALL, SMS):
        return resource
    return _guess_by(_object(value), resource)


def _guess_by(found: dict[str, Raw], resource: str | None) -> str | None:
    names = found.keys()
    if "id" not in names:
        parts = {name for name in _PARTS if name in names and bytes(found[name])[:1] == b"{"}
        if parts:
            return BUNDLE if "row" in parts else ROWLESS
        return ROW if names & _TYPED else None
    if resource or names & _TYPED:
        return DETAIL if names & _ONLY_DETAILS else ROW
    if names & _ONLY_CALLS:
        return CALL
    if names & _ONLY_SMS:
        return SMS
    return CALL if names >= _NUMBERS and names & _WHOSE else None


def _object(value: bytes) -> dict[str, Raw]:
    """Return the members of an object; none for anything else."""
    try:
        found = _members(value)
    except UNCUTTABLE:
        return {}
    return found if isinstance(found, dict) else {}


def _events(body: bytes, pointer: str, default: str | None, most: int = sys.maxsize) -> list[Piece]:
    """Cut the records at a pointer; empty where there is none."""
    try:
        value = decoded_once(_at(body, pointer))
        found = _members(value)
    except (*UNCUTTABLE, LookupError):
        return []
    return _records(value, found, default, most)


def _records(value: bytes, found: dict[str, Raw] | Iterator[bytes], default: str | None, most: int = 1) -> list[Piece]:
    """Cut a record, or an array of them, as `found` in `value`; empty where none of them is one.

    What stands beside a record and is none is cut as what nobody can read. Of more than `most`, one more is cut.
    """
    if isinstance(found, dict):
        shape = _guess_by(found, None) or _named(found, default)
        return [Piece(shape, value)] if shape else []
    pieces: list[Piece] = []
    known = False
    for record in map(decoded_once, found):
        inside = _records(record, _object(record), default)
        known = known or bool(inside)
        pieces += inside or [Piece(UNREADABLE, record)]
        if len(pieces) > most:
            break
    return pieces if known else []


def _at(body: bytes, pointer: str) -> bytes:
    """Return the bytes at a pointer. Raises `LookupError` where there is nothing, and what msgspec raises."""
    value = body
    for token in pointer.split("/")[1:]:
        found = _members(value)
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            value = bytes(found[name])
        elif name.isascii() and name.isdigit():
            value = _item(found, int(name))
        else:
            raise LookupError(name)
    return value


def _item(items: Iterator[bytes], index: int) -> bytes:
    for number, item in enumerate(items):
        if number == index:
            return item
    raise LookupError(index)


def _named(found: dict[str, Raw], default: str | None) -> str | None:
    """Return `default` for an object that has an id."""
    ident = found.get("id")
    return default if ident is not None and bytes(ident)[:1] == b'"' else None
