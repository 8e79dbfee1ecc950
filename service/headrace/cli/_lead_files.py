"""Files of leads: CSV with or without titles, one lead a line, or NDJSON."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final

import msgspec

from headrace.sdk.ids import can_be_id

COLUMNS: Final = ("lead", "leadid", "prospect", "prospectid", "id")
"""What the column of leads may be called, in this order, whatever its case and separators."""
DELIMITERS: Final = ",;\t"

_object: Final = msgspec.json.Decoder(dict[str, object]).decode


class CannotRead(Exception):  # noqa: N818  (a sentence)
    """A file that is not a list of leads: the text names the line, and what to do."""


def leads_of(stream: BinaryIO, column: str | None = None) -> Iterator[str]:
    """Yield the leads of a file in their order, copies included. Raises `CannotRead`."""
    try:
        lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="").read().splitlines()
    except UnicodeDecodeError as error:
        raise CannotRead(f"byte {error.start} is not UTF-8: save the file as UTF-8") from None
    first = next((line for line in lines if line.strip()), "")
    found = _of_objects(lines, column) if first.lstrip().startswith("{") else _of_table(lines, first, column)
    for number, lead in found:
        yield checked(lead, f"line {number}")


def checked(lead: str, where: str) -> str:
    """Return a lead's id without the spaces around it. Raises `CannotRead` where it cannot be one."""
    lead = lead.strip()
    if not lead:
        raise CannotRead(f"{where} names no lead")
    if not can_be_id(lead):
        raise CannotRead(f"{where}: this is no lead's id: {lead[:40]!r}")
    return lead


def _of_objects(lines: Iterable[str], column: str | None) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _object(line)
        except (msgspec.DecodeError, RecursionError):
            raise CannotRead(f"line {number} is no JSON object") from None
        at = _column(list(row), column, number)
        value = list(row.values())[at]
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise CannotRead(f"line {number}: {list(row)[at]} is neither a text nor a whole number")
        yield number, str(value)


def _of_table(lines: Sequence[str], first: str, column: str | None) -> Iterator[tuple[int, str]]:
    delimiter = max(DELIMITERS, key=first.count)
    at: int | None = None
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if at is None:
                is_list = len(row) == 1 and column is None
                at = 0 if is_list else _column(row, column, reader.line_num)
                if not is_list or _plain(row[0]) in COLUMNS:
                    continue
            yield reader.line_num, row[at] if at < len(row) else ""
    except csv.Error as error:
        raise CannotRead(f"line {reader.line_num} is no CSV: {error}") from None


def _column(names: Sequence[str], column: str | None, number: int) -> int:
    """Find the column of leads among its names."""
    plain = [_plain(name) for name in names]
    for wanted in COLUMNS if column is None else (_plain(column),):
        if wanted in plain:
            return plain.index(wanted)
    have = ", ".join(name.strip()[:40] for name in names[:12])
    raise CannotRead(
        f"line {number} has {have}: say with --column which of these is the lead"
        if column is None
        else f'line {number} has no "{column}", it has {have}'
    )


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
