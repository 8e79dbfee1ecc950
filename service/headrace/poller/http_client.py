"""One HTTP exchange with a platform: under a deadline, with a bounded body, to its own host only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from yarl import URL

from headrace import __version__
from headrace.sdk.faults import Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call

DEADLINE_SECONDS: Final = 60.0
LONGEST_BODY_BYTES: Final = 32 * 1024 * 1024
MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_CHUNK_BYTES: Final = 64 * 1024


@contextlib.asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open the connections of a process: no cookies, no proxies or credentials from the environment."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=0),  # budgets limit what goes out
        headers={"User-Agent": f"headrace/{__version__}"},
        trust_env=False,
    ) as opened:
        # aiohttp sends a GET again by itself when a kept connection breaks: a call that no budget counted. There is no
        # public way to switch it off: https://github.com/aio-libs/aiohttp/issues/10790
        opened._retry_connection = False  # noqa: SLF001  (as above)
        yield opened


class HttpClient:
    """Exchanges with the host of one `base_url`."""

    def __init__(self, opened: aiohttp.ClientSession, base_url: str, deadline: float = DEADLINE_SECONDS) -> None:
        self._session: Final = opened
        self._base: Final = URL(base_url.rstrip("/") + "/")
        self._deadline: Final = deadline

    def url(self, call: Call) -> URL:
        """Return the URL of a call. Raises `Rejected` where it leads to another host."""
        url = URL(call.path) if "://" in call.path else self._base.join(URL(call.path.lstrip("/")))
        if url.origin() != self._base.origin():
            raise Rejected(f"it leads to another host than {self._base.host}")
        return url.extend_query(call.query) if call.query else url

    async def exchange(self, call: Call) -> Answer:
        """Send a call as it is, and read the answer, whatever its status. Raises `Fault`."""
        url = self.url(call)
        try:
            async with asyncio.timeout(self._deadline):
                for _ in range(MOST_REDIRECTS):
                    answer = await self._once(call, url)
                    if answer.status not in _REDIRECTS or call.method != "GET":
                        return answer
                    url = self._onward(url, answer)
                raise Unavailable("it redirects without end")
        except TimeoutError:
            raise Unavailable(f"no answer within {self._deadline:.0f} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its text may quote the URL, whose query may hold a key.
            raise Unavailable(f"no answer: {type(error).__name__}") from None

    async def _once(self, call: Call, url: URL) -> Answer:
        async with self._session.request(
            call.method, url, headers=call.headers, data=call.body or None, allow_redirects=False
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):  # counted after decompression
                body += chunk
                if len(body) > LONGEST_BODY_BYTES:
                    raise TooHeavy(f"the answer is longer than {LONGEST_BODY_BYTES} bytes")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, bytes(body))

    def _onward(self, url: URL, answer: Answer) -> URL:
        onward = url.join(URL(answer.headers.get("location", "")))
        if onward.origin() != self._base.origin():
            raise Unavailable(f"it redirects to another host than {self._base.host}: check base_url")
        return onward
