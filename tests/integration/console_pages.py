"""Look at the pages of a console as a browser does, its script aside."""

from collections.abc import Mapping
from typing import Final

import aiohttp

from headrace.kafka.consumer import Record
from tests.integration.pipeline import DEADLINE, until

LIVE: Final = ("/", "/events", "/partitions")
LOADED: Final = ("/letters", "/codes", "/codes/found?since=1h")


async def look_around(url: str, event: Record, letter: Record | None = None) -> Mapping[str, str]:
    """Open every page, those of an event and a dead letter as well, until each is read; return them by path."""
    places = [f"/events/{event.partition}/{event.offset}{more}" for more in ("", "/trail")]
    places += [] if letter is None else [f"/letters/{letter.partition}/{letter.offset}"]
    found: dict[str, str] = {}
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client:
        for path in (*LOADED, *places, *LIVE):

            async def is_read(path: str = path) -> bool:
                async with client.get(path) as answer:
                    found[path] = await answer.text()
                    assert answer.status == 200, found[path]
                assert "are not read" not in found[path], found[path]
                return "being read" not in found[path]

            await until(is_read, f"{path} is read", every=0.2)
    return found
