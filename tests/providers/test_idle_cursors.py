"""A lead without news costs a poller a few bytes: its cursor says no more than when it was read."""

from typing import Any

import msgspec
import pytest

from headrace.poller.cursor_values import CursorValues
from headrace.providers.discover import discover
from headrace.sdk.feed import Call, Cursor, Polled, Turn
from tests.providers.feeds_kit import NOW, Memory

EMPTY = b'{"items":[],"RecordCount":0,"ProspectActivities":[]}'
LEADS = [f"{number:08x}-4a10-11f1-8f00-0242ac120099" for number in range(50)]
BY_LEAD = [
    pytest.param(feed, id=f"{provider.name}-{feed.name}")
    for provider in discover().values()
    if isinstance(provider, Polled)
    for feed in provider.feeds(msgspec.convert({}, provider.Settings))
    if feed.by_lead
]


@pytest.mark.parametrize("feed", BY_LEAD)
async def test_the_cursors_of_idle_leads_are_alike_but_for_one_number(feed: Any) -> None:
    """After the first reading, and after another: a million of them take no bytes of their own."""
    values = CursorValues()
    for column in (values.forms, values.numbers):
        column.extend([0] * len(LEADS))
    for row, lead in enumerate(LEADS):
        api, cursor = Memory(empty, NOW + row * 61_007), b""
        for _ in range(2):
            found = [each async for each in feed.read(api, cursor, Turn(lead=lead))]
            cursor = [each.value for each in found if isinstance(each, Cursor)][-1]
            api.now += 3_600_000
        values[row] = cursor
        assert values[row] == cursor
    assert len(values._whole) == 0
    assert len(set(values.forms)) == 1


def empty(_: Call) -> bytes:
    return EMPTY
