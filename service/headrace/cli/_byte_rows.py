"""Bytes as rows of a terminal, with a place in them underlined: text with its control characters escaped, or a dump."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.core.text_width import text_width
from headrace.observe.escapes import escaped

_ROW_BYTES: Final = 68
"""With the offset before it, a row fits 80 columns."""
_DUMP_BYTES: Final = 16
_CONTEXT: Final = 2
"""Rows before and behind those of the place."""
_MOST_MARKED: Final = 3
"""Rows of a long place that are shown."""
_WINDOW: Final = 512
"""Bytes around a place by which it is told whether they are text."""
_WHITESPACE: Final = frozenset(b"\t\n\r")
_FEW: Final = 10
"""One control character among so many bytes is still text."""


class ByteRow(Struct, frozen=True):
    """Bytes of one row: where they begin, how they look, and what stands below them where they are marked."""

    begin: int
    text: str
    underline: str = ""


def rows_around(value: bytes, begin: int, end: int) -> list[ByteRow]:
    """Return the rows around a place, which is underlined; behind the last byte it is one column."""
    dumped = is_binary(value[max(0, begin - _WINDOW) : begin + _WINDOW])
    spans = _dump_spans(value) if dumped else _text_spans(value)
    number = next((n for n, (_, last) in enumerate(spans) if begin < last), len(spans) - 1)
    last = next((n for n, (first, _) in enumerate(spans) if first >= end), len(spans)) - 1
    last = max(number, min(last, number + _MOST_MARKED - 1))
    shown = range(max(0, number - _CONTEXT), min(last + _CONTEXT + 1, len(spans)))
    return [_row(value, spans[n], (begin, end) if number <= n <= last else None, dumped=dumped) for n in shown]


def all_rows(value: bytes, begin: int, end: int) -> Iterator[ByteRow]:
    """Yield every row; those of the place are underlined."""
    dumped = is_binary(value[max(0, begin - _WINDOW) : begin + _WINDOW])
    for span in _dump_spans(value) if dumped else _text_spans(value):
        yield _row(value, span, (begin, end), dumped=dumped)


def is_binary(sample: bytes) -> bool:
    """Return whether bytes are better shown as numbers: more than a few of them are control characters."""
    controls = sum(byte < ord(" ") and byte not in _WHITESPACE for byte in sample)
    lost = sample.decode("utf-8", "replace").count("\ufffd")
    return b"\0" in sample or (controls + lost) * _FEW > max(len(sample), _FEW)


def _dump_spans(value: bytes) -> list[tuple[int, int]]:
    edges = [*range(0, len(value), _DUMP_BYTES), len(value)]
    return [(first, last) for first, last in pairwise(edges) if first < last] or [(0, 0)]


def _text_spans(value: bytes) -> list[tuple[int, int]]:
    """Cut a text at its line ends, and long lines behind a comma, or at a character's end."""
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(value):
        line = value.find(b"\n", at, at + _ROW_BYTES)
        last = line + 1 if line >= 0 else _cut(value, at)
        spans.append((at, last))
        at = last
    return spans or [(0, 0)]


def _cut(value: bytes, at: int) -> int:
    last = min(at + _ROW_BYTES, len(value))
    if last == len(value):
        return last
    comma = value.rfind(b",", at + _ROW_BYTES // 2, last)
    if comma >= 0:
        return comma + 1
    whole = last
    while whole > last - 4 and value[whole] & 0xC0 == 0x80:  # noqa: PLR2004  (a byte that goes on with a character)
        whole -= 1
    return whole if whole > last - 4 else last


def _row(value: bytes, span: tuple[int, int], marked: tuple[int, int] | None, *, dumped: bool) -> ByteRow:
    """Return one row; what of it is `marked` is underlined."""
    first, last = span
    draw = _dump if dumped else _text
    row = ByteRow(first, draw(value[first:last]))
    if marked is None:
        return row
    begin, end = marked
    low, high = max(first, begin), min(last, max(end, begin + 1))
    if begin >= len(value) == last:  # behind the last byte
        low = high = last
    elif low >= high:
        return row
    return replace(row, underline=_underline(value, first, low, high, dumped=dumped))


def _underline(value: bytes, first: int, low: int, high: int, *, dumped: bool) -> str:
    if dumped:
        return " " * (3 * (low - first)) + " ".join(["^^"] * max(1, high - low))
    text = _text(value[low:high].rstrip(b"\r\n")) if low < high else ""
    return " " * text_width(_text(value[first:low])) + "^" * max(1, text_width(text))


def _text(part: bytes) -> str:
    return escaped(part.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace"))


def _dump(part: bytes) -> str:
    numbers = " ".join(f"{byte:02x}" for byte in part)
    letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)  # noqa: PLR2004  (printable ASCII)
    return f"{numbers:<{3 * _DUMP_BYTES}} {letters}"
