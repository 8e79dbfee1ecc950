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
    lead, first = b"", without_bom(stream.readline())  # exports from Windows have one
    while first and not first.strip():
        lead, first = lead + first, stream.readline()
    if not _is_json(first):
        yield from _split(lead + first + stream.read())
        return
    yield first.strip()
    for line in stream:
        if line.strip():
            yield line.strip()


def _split(whole: bytes) -> Iterator[bytes]:
    """Split a file that does not begin with a line of JSON: by lines only if at least half of them are JSON."""
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    if not _is_json(whole) and sum(map(_is_json, lines)) * 2 >= max(len(lines), 2):
        yield from lines
    else:
        yield whole


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
