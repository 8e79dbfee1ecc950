"""A lead whose list never ends is read as far as there is room, and the reading does not count as whole."""

from collections.abc import AsyncIterator, Sequence
from itertools import count

import msgspec
import pytest

from headrace.providers.leadsquared import provider
from headrace.providers.leadsquared.settings import LeadSquaredSettings
from headrace.sdk.faults import Incomplete
from headrace.sdk.feed import Call, Cursor, Turn, Yield
from headrace.sdk.provider import RawEvent

ROWS, ROW_BYTES, MOST_BYTES = 500, 4_000, 24 * 2**20


class EndlessList:
    """An `Api` whose every page has new rows, and counts a billion."""

    tenant: str = "acme"
    now: int = 1_760_000_000_000

    def __init__(self) -> None:
        self.pages = 0
        self._numbers = count()

    async def call(self, call: Call) -> bytes:
        """See headrace.sdk.feed.Api."""
        assert call.method == "POST"
        self.pages += 1
        rows = [{"Id": f"{next(self._numbers):032x}", "EventCode": 21, "Note": "x" * ROW_BYTES} for _ in range(ROWS)]
        return msgspec.json.encode({"RecordCount": 10**9, "ProspectActivities": rows})

    async def part(self, kind: str, id: str, calls: Sequence[Call], *, guess: bool = False) -> bytes | None:  # noqa: A002  (the design's word)
        """See headrace.sdk.feed.Api."""
        raise NotImplementedError

    def leave_out(self, kind: str, id: str) -> None:  # noqa: A002  (the design's word)
        """See headrace.sdk.feed.Api."""
        raise NotImplementedError

    def note(self, feed: str, key: str) -> bytes:
        """See headrace.sdk.feed.Api."""
        raise NotImplementedError

    def position(self, feed: str, lead: str) -> bytes:
        """Nothing was read before."""
        assert feed + lead
        return b""

    def recall(self, name: str) -> str | None:
        """See headrace.sdk.feed.Api."""
        return "pages from 0" if name == "offset-counts" else None

    def remember(self, name: str, value: str | None) -> None:
        """See headrace.sdk.feed.Api."""


async def test_a_list_without_end_is_read_as_far_as_there_is_room() -> None:
    """What was read is brought, the newest of it last, and the cursor says that something is missing."""
    api = EndlessList()
    feed = provider.feeds(LeadSquaredSettings(access_key="a", secret_key="s"))[0]  # noqa: S106  (no secret)
    items: list[Yield] = []
    with pytest.raises(Incomplete):
        await _read(items, feed.read(api, b"", Turn(lead="lead")))
    rows = [item.value for item in items if isinstance(item, RawEvent)]
    assert len(rows) == api.pages * ROWS == len(set(rows))
    assert 0.8 * MOST_BYTES < sum(map(len, rows)) < MOST_BYTES
    assert isinstance(items[-1], Cursor)
    assert not items[-1].whole
    assert b"0" * 32 in rows[-1]


async def _read(items: list[Yield], things: AsyncIterator[Yield]) -> None:
    async for item in things:
        items.append(item)  # noqa: PERF401  (they count, though it ends with an error)
