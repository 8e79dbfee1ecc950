"""One HTTP exchange with a platform: under a deadline, with a bounded body, to its own host only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from msgspec.structs import replace
from yarl import URL

from headrace import __version__
from headrace.core.weight import weight
from headrace.poller.answer_memory import AnswerMemory, AnswerSlot
from headrace.sdk.faults import Rejected, Unavailable
from headrace.sdk.feed import Answer, Call

DEADLINE_SECONDS: Final = 60.0
MOST_REDIRECTS: Final = 3
"""Calls that lead to one answer: redirects are followed one less."""
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_SAME_METHOD: Final = (307, 308)
"""What a POST is repeated for; what else becomes of it is up to the client (RFC 9110, 15.4): none of ours needs it."""
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

    async def exchange(self, call: Call, slot: AnswerSlot | None = None) -> Answer:
        """Send a call once, and read the answer, whatever its status; `slot` counts it. Raises `Fault`."""
        url, slot = self.url(call), slot or AnswerMemory().hold()
        try:
            async with asyncio.timeout(self._deadline):
                return await self._once(call, url, slot)
        except TimeoutError:
            raise Unavailable(f"no answer within {self._deadline:.0f} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its text may quote the URL, whose query may hold a key.
            raise Unavailable(f"no answer: {type(error).__name__}") from None

    def onward(self, call: Call, answer: Answer) -> Call | None:
        """Return the call that an answer redirects to, None where it does not. Raises `Unavailable`."""
        if answer.status not in _REDIRECTS:
            return None
        if call.method != "GET" and answer.status not in _SAME_METHOD:
            raise Unavailable(f"it redirects a {call.method} with {answer.status}: check base_url")
        location = answer.headers.get("location", "").strip()
        if not location:
            raise Unavailable("it redirects to nowhere")
        try:
            onward = self.url(call).join(URL(location))
            elsewhere = onward.origin() != self._base.origin()
        except ValueError:
            raise Unavailable("it redirects to what is no URL of a host") from None
        if elsewhere:
            raise Unavailable(f"it redirects to another host than {self._base.host}: check base_url")
        return replace(call, path=str(onward), query=())

    async def follow(self, call: Call) -> Answer:
        """Exchange, and follow redirects within the host: for calls that no budget counts. Raises `Fault`."""
        for _ in range(MOST_REDIRECTS):
            answer = await self.exchange(call)
            onward = self.onward(call, answer)
            if onward is None:
                return answer
            call = onward
        raise Unavailable("it redirects without end")

    async def _once(self, call: Call, url: URL, slot: AnswerSlot) -> Answer:
        async with self._session.request(
            call.method, url, headers=call.headers, data=call.body or None, allow_redirects=False
        ) as response:
            body = await _read(response.content, slot)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, body)


async def _read(content: aiohttp.StreamReader, slot: AnswerSlot) -> bytes:
    """Return a body, which `slot` counts as it comes, unpacked. Raises `TooHeavy`, and holds nothing then."""
    body, taken = bytearray(), 0
    try:
        async for chunk in content.iter_chunked(_CHUNK_BYTES):  # a packed one is unpacked no further than to here
            slot.take(weight(chunk), beside=taken)
            taken += weight(chunk)
            body += chunk
            await asyncio.sleep(0)  # what is there already, a packed body above all, is read without waiting for it
    except BaseException:
        slot.release(taken)
        body.clear()  # the traceback of the error refers to it for as long as somebody keeps that
        raise
    return bytes(body)
