"""Cut JSON by its structure alone: brackets and strings are followed, what stands in them is not judged. Pure.

What is broken inside (half a surrogate pair, a raw control character, NaN, a thousand levels) stays one part of many,
with the bytes that it came with. Brackets are counted, not matched. Where they or a string do not end, or something
stands behind them, nobody can say which part is which: then the whole is unsound.

Nothing is held but the part that is cut, each byte is passed once, and the work comes in slices: whoever holds an event
loop can let others run between them.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw

UNCUTTABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a body that it does not read."""
_SLICE: Final = 5_000
"""Steps of a slice: a few milliseconds."""
_WHITESPACE: Final = b" \t\n\r"
_BACKSLASH: Final = ord("\\")
_CLOSING: Final = {b"[": b"]", b"{": b"}"}

_outside: Final = re.compile(rb'["\[\]{},]').search
_inside: Final = re.compile(rb'["\[\]{}]').search
_rest_of_string: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL).match
_member: Final = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL).match
_string: Final = msgspec.json.Decoder(str).decode

_S = TypeVar("_S", bound=msgspec.Struct)


class UnsoundError(ValueError):
    """Text whose strings or brackets do not end, or do not begin and end as an array or object does."""


def without_bom(body: bytes) -> bytes:
    """Return a body without the byte order mark that some programs of Windows begin UTF-8 with: it is no JSON."""
    return body.removeprefix(codecs.BOM_UTF8)


def decoded_once(body: bytes) -> bytes:
    """Return what a JSON string holds where that is an object or array, else the bytes as they are.

    Whoever builds a body by hand encodes an event twice.
    """
    if body.lstrip()[:1] != b'"':
        return body
    try:
        inner = _string(body)
    except UNCUTTABLE:
        return body
    return inner.encode() if inner.lstrip()[:1] in {"{", "["} else body


def is_sound(text: bytes, opening: bytes) -> bool:
    """Return whether this is one array (`opening` is `[`) or object (`{`) by its structure, and not empty."""
    try:
        return sum(1 for _ in parts(text, opening)) > 0
    except UnsoundError:
        return False


def parts(text: bytes, opening: bytes) -> Iterator[bytes]:
    """Yield the items of an array, or the members of an object, none of them empty.

    Raises `UnsoundError`, perhaps behind the first of them.
    """
    return filter(None, slices(text, opening))


def slices(text: bytes, opening: bytes) -> Iterator[bytes | None]:
    """Yield the parts of an array or object, and None behind each slice of work. Raises `UnsoundError` as `parts` does.

    A part is empty where nothing stands between two commas.
    """
    begin = at = len(text) - len(text.lstrip(_WHITESPACE)) + 1
    if text[at - 1 : at] != opening:
        raise UnsoundError("something else begins here")
    depth, steps, find = 1, 0, _outside
    while found := find(text, at):
        at = found.end()
        match found[0]:
            case b'"':
                at = _end_of_string(text, at)
            case b"[" | b"{":
                depth += 1
                find = _inside
            case b",":
                yield text[begin : at - 1].strip(_WHITESPACE)
                begin = at
            case _:
                depth -= 1
                if depth == 1:
                    find = _outside
                elif depth == 0:
                    break
        if (steps := steps + 1) % _SLICE == 0:
            yield None
    if depth or text[at - 1 : at] != _CLOSING[opening] or text[at:].strip(_WHITESPACE):
        raise UnsoundError("it has no end, or another one, or something stands behind it")
    yield text[begin : at - 1].strip(_WHITESPACE)


def member(part: bytes) -> tuple[str, bytes] | None:
    """Return the name and the value of a part of an object; None where it has no name that can be read."""
    found = _member(part)
    try:
        return (_string(found[1]), part[found.end() :]) if found else None
    except UNCUTTABLE:
        return None


def members(text: bytes) -> dict[str, bytes]:
    """Return the members of an object, the last of each name. Raises `UnsoundError`."""
    return dict(filter(None, map(member, parts(text, b"{"))))


def open_object(decoder: "msgspec.json.Decoder[_S]", body: bytes) -> _S:
    """Decode an object to a Struct whose fields are all `Raw`: what is broken in one leaves the others as they are.

    Raises what msgspec raises where it is no object.
    """
    try:
        return decoder.decode(body)
    except UNCUTTABLE:
        try:
            found = members(body)
        except UnsoundError:
            found = None
        if found is None:
            raise
        fields = msgspec.structs.fields(decoder.type)
        values: dict[str, Any] = {f.name: Raw(found[f.encode_name]) for f in fields if f.encode_name in found}
        return decoder.type(**values)


def _end_of_string(text: bytes, at: int) -> int:
    """Return where a string ends whose first character is at `at`. Raises `UnsoundError` where it does not."""
    end = text.find(b'"', at) + 1
    if text[end - 2] == _BACKSLASH and end - 1 > at:
        found = _rest_of_string(text, at)
        end = found.end() if found else 0
    if not end:
        raise UnsoundError("a string has no end")
    return end
