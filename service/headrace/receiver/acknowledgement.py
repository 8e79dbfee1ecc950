"""The response to a delivery that is durable, in one write: aiohttp would build each from its parts, and slower."""

from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from headrace.sdk.provider import Accepted

SERVER = "Headrace"


class SuccessResponse(web.StreamResponse):
    """A response to a POST of HTTP/1.1 that is sent in one piece."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__(status=accepted.status)
        self._accepted = accepted

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Send all of it."""
        if not request.keep_alive:
            self.force_close()
        accepted = self._accepted
        head = _head(accepted.status, accepted.content_type, len(accepted.answer), closes=self.keep_alive is False)
        self._keep_alive = self.keep_alive is not False
        await request.writer.write(b"%b%b\r\n\r\n%b" % (head, rfc822_formatted_time().encode(), accepted.answer))
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: it was sent."""


def acknowledge(request: web.BaseRequest, accepted: Accepted) -> web.StreamResponse:
    """Return the response to an accepted delivery."""
    if request.method == "POST" and request.version == HttpVersion11:
        return SuccessResponse(accepted)
    headers = {"Server": SERVER}
    if accepted.answer:
        headers["Content-Type"] = accepted.content_type
    return web.Response(status=accepted.status, headers=headers, body=accepted.answer or None)


@lru_cache(maxsize=64)
def _head(status: int, content_type: str, length: int, *, closes: bool) -> bytes:
    """Return the head of a response, up to the value of Date."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Server: {SERVER}", f"Content-Length: {length}"]
    if length:
        lines.append(f"Content-Type: {content_type}")
    if closes:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "Date: "]).encode()
