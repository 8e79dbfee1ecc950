"""Cut a JSON array into its items one after the other: what nobody takes is never built. Pure."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw

_FEW: Final = 1_000
"""An array with fewer commas is cut at once: it has no more items than that."""
_WHITESPACE: Final = b" \t\n\r"
_BACKSLASH: Final = ord("\\")

_decode_items: Final = msgspec.json.Decoder(list[Raw]).decode
_decode_whole: Final = msgspec.json.Decoder(Raw).decode
_outside: Final = re.compile(rb'["\[\]{},]').search
_inside: Final = re.compile(rb'["\[\]{}]').search


def array_items(array: bytes) -> Iterator[bytes]:
    """Return the items of an array, bytes untouched. Raises what msgspec raises where it is no whole JSON array."""
    if array.count(b",") < _FEW or array.lstrip(_WHITESPACE)[:1] != b"[":
        return map(bytes, _decode_items(array))
    _decode_whole(array)  # builds nothing, and raises where something is wrong anywhere
    return _split(array)


def _split(array: bytes) -> Iterator[bytes]:
    """Cut a valid array at the commas that are in no string and in no item."""
    begin = at = array.index(b"[") + 1
    depth = 1
    while found := (_outside if depth == 1 else _inside)(array, at):
        at = found.end()
        match found[0]:
            case b'"':
                at = _end_of_string(array, at)
            case b"[" | b"{":
                depth += 1
            case b",":
                yield array[begin : found.start()].strip(_WHITESPACE)
                begin = at
            case _:
                depth -= 1
                if depth == 0:
                    yield array[begin : found.start()].strip(_WHITESPACE)  # a comma was there: it is not empty
                    return


def _end_of_string(array: bytes, at: int) -> int:
    """Return where a string ends whose first character is at `at`: behind a quote that nothing escapes."""
    while True:
        end = before = array.index(b'"', at)
        while array[before - 1] == _BACKSLASH:
            before -= 1
        if (end - before) % 2 == 0:
            return end + 1
        at = end + 1
