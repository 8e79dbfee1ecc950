"""Input files of the commands: one body a file, or one a line (NDJSON)."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Raw

from headrace.sdk.json_structure import UNCUTTABLE, is_sound, without_bom


def opened(file: str) -> AbstractContextManager[BinaryIO]:
    """Open a file to read; `-` is standard input, which is left open."""
    return nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")


def bodies(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the bodies of a file, lines as they are read; a file that is neither JSON nor NDJSON is one body."""
    return (body for _, body in numbered_bodies(stream))


def numbered_bodies(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the bodies of a file, each with the line where it begins."""
    begin, lead, first = 1, b"", without_bom(stream.readline())  # exports from Windows have one
    while first and not first.strip():
        begin, lead, first = begin + 1, lead + first, stream.readline()
    if not _is_json(first):
        yield from _split(lead + first + stream.read())
        return
    yield begin, first.strip()
    for number, line in enumerate(stream, begin + 1):
        if line.strip():
            yield number, line.strip()


def _split(whole: bytes) -> Iterator[tuple[int, bytes]]:
    """Split a file that does not begin with a line of JSON: by lines only if at least half of them are JSON."""
    lines = [(number, line.strip()) for number, line in enumerate(whole.splitlines(), 1) if line.strip()]
    if not _is_json(whole) and sum(_is_json(line) for _, line in lines) * 2 >= max(len(lines), 2):
        yield from lines
    else:
        yield 1, whole


def _is_json(text: bytes) -> bool:
    """Return whether this is a JSON object or array and nothing else, whatever is broken inside."""
    opening = text.lstrip()[:1]
    if opening not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(text, type=Raw)
    except UNCUTTABLE:
        return is_sound(text, opening)
    return True
