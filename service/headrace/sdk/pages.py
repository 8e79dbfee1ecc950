"""Open a page: its rows as they came, and what stands beside them. Pure.

A page is read as long as its rows can be told from each other: what is broken in one of them is for the normalizer,
which makes a dead letter of it. HTML, or a page that was cut off, is no page: it is asked for again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from headrace.sdk.faults import Unavailable
from headrace.sdk.json_structure import UNCUTTABLE, UnsoundError, member, slices
from headrace.sdk.page_size import refuse_too_many, rows_of

_encode: Final = msgspec.json.Encoder().encode


class Page(Struct):
    """What a page has, to derive from: `rows` is its array, renamed to the platform's word."""

    rows: Raw


_P = TypeVar("_P", bound=Page)


async def open_page(decoder: "msgspec.json.Decoder[_P]", body: bytes) -> tuple[_P, list[bytes]]:
    """Return a page and its rows. Raises `TooHeavy` for too many, `Unavailable` where it is no such page."""
    try:
        page = decoder.decode(body)
        return page, rows_of(bytes(page.rows))
    except UNCUTTABLE:
        return await _by_structure(decoder, body)


async def _by_structure(decoder: "msgspec.json.Decoder[_P]", body: bytes) -> tuple[_P, list[bytes]]:
    """Take a page apart without judging its rows; others run between the slices of this work."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(decoder.type)}
    name = names["rows"]
    try:
        found = [member(part) async for part in _sliced(slices(body, b"{"))]
        beside = {pair[0]: Raw(pair[1]) for pair in found if pair and pair[0] in names.values()}
        array = bytes(beside.get(name, b""))
        rows: list[bytes] = []
        async for row in _sliced(slices(array, b"[")):
            rows.append(row)
            refuse_too_many(rows)
        beside[name] = Raw(b"[]")
        return decoder.decode(_encode(beside)), rows
    except (*UNCUTTABLE, UnsoundError):
        raise Unavailable(f"a page came that has no list {name}") from None


async def _sliced(work: Iterator[bytes | None]) -> AsyncIterator[bytes]:
    for part in work:
        if part is None:
            await asyncio.sleep(0)
        elif part:
            yield part
