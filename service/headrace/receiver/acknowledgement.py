"""The response to a delivery that is durable, in one write: aiohttp would build each from its parts, and slower."""

from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from headrace.sdk.provider import Accepted

SERVER = "Headrace"


class Acknowledgement(web.StreamResponse):
    """A response to a POST of HTTP/1.1 that is sent in one piece."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__(status=accepted.status)
        self._accepted = accepted

    def as_bytes(self, request: web.BaseRequest) -> bytes:
        """Return all of it, head and body."""
        goes_on = self._keep_alive = request.keep_alive and self._keep_alive is not False
        accepted = self._accepted
        head = _head(accepted.status, accepted.content_type, len(accepted.answer), goes_on)
        return b"%b%b\r\n\r\n%b" % (head, rfc822_formatted_time().encode(), accepted.answer)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Send all of it."""
        await request.writer.write(self.as_bytes(request))
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: it was sent."""


def acknowledge(request: web.BaseRequest, accepted: Accepted) -> web.StreamResponse:
    """Return the response to an accepted delivery."""
    if request.method == "POST" and request.version == HttpVersion11:
        return Acknowledgement(accepted)
    headers = {"Server": SERVER}
    if accepted.answer:
        headers["Content-Type"] = accepted.content_type
    return web.Response(status=accepted.status, headers=headers, body=accepted.answer or None)


@lru_cache(maxsize=64)
def _head(status: int, content_type: str, length: int, goes_on: bool) -> bytes:  # noqa: FBT001  (a keyword costs more)
    """Return the head of a response, up to the value of Date."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Server: {SERVER}", f"Content-Length: {length}"]
    if length:
        lines.append(f"Content-Type: {content_type}")
    if not goes_on:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "Date: "]).encode()
