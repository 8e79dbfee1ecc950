"""Where in the bytes of a JSON text a path such as `$.attributes.names[2]` leads. Pure.

Brackets and strings are followed, what stands in them is not judged: what is broken elsewhere does not hide a place.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

_STEP: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<number>\d+)\]|\[\.\.\.\]")
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},:]', re.DOTALL)
_WHITESPACE: Final = b" \t\n\r"
_MOST_STEPS: Final = 200


class BytePlace(Struct, frozen=True):
    """Bytes of a text from `begin` up to `end`, and what of a path was not found there, an empty text where all was."""

    begin: int
    end: int
    missing: str = ""


class _Child(Struct, frozen=True):
    name: bytes
    number: int
    begin: int
    end: int


def find_place(text: bytes, pointer: str) -> BytePlace:
    """Return where a path leads: to the deepest value on it that is there."""
    begin, end = _trimmed(text, 0, len(text))
    at = 1 if pointer.startswith("$") else 0
    for step in list(_STEP.finditer(pointer, at))[:_MOST_STEPS]:
        child = None if step.start() != at else _child(text, begin, step)
        if child is None:
            break
        begin, end, at = child.begin, child.end, step.end()
    return BytePlace(begin, end, pointer[at:].removeprefix("."))


def _child(text: bytes, begin: int, step: "re.Match[str]") -> _Child | None:
    """Return the child of the value at `begin` to which one step leads; `[...]` leads to the first."""
    if text[begin : begin + 1] not in {b"[", b"{"}:
        return None
    for child in _children(text, begin):
        if step["name"] is not None:
            if _is_named(child.name, step["name"]):
                return child
        elif step["number"] is None or child.number == int(step["number"]):
            return child
    return None


def _children(text: bytes, begin: int) -> Iterator[_Child]:
    """Yield the items of the array, or the members of the object, that begins there."""
    depth, number, name, start = 0, 0, b"", begin + 1
    for token in _TOKEN.finditer(text, begin):
        mark = token[0]
        if mark in {b"[", b"{"}:
            depth += 1
        elif mark in {b"]", b"}"}:
            depth -= 1
        if depth == 0 or (depth == 1 and mark == b","):
            first, last = _trimmed(text, start, token.start())
            if first < last:
                yield _Child(name, number, first, last)
            if depth == 0:
                return
            number, name, start = number + 1, b"", token.end()
        elif depth == 1 and mark == b":":
            name, start = text[start : token.start()].strip(_WHITESPACE), token.end()


def _is_named(quoted: bytes, name: str) -> bool:
    try:
        return bool(msgspec.json.decode(quoted) == name) if quoted else False
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def _trimmed(text: bytes, begin: int, end: int) -> tuple[int, int]:
    """Return the bounds of a part without the whitespace around it."""
    part = text[begin:end]
    begin += len(part) - len(part.lstrip(_WHITESPACE))
    return begin, max(begin, begin + len(part.strip(_WHITESPACE)))
