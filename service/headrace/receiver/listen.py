"""How the receiver opens its port, asks for a body, and parts from a sender that still sends what was refused."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from headrace.receiver import refusals
from headrace.receiver.http_server import Server, connection_of

LINGER_SECONDS: Final = 1.0
"""What a refused sender gets to read the answer: closing at once would reset it away."""
LINGER_BYTES: Final = 256 * 1024
_BACKLOG: Final = 1024
_FILES: Final = 256
"""What a process needs besides its connections: Kafka, the spool, logs, the admin port."""


def affordable(connections: int) -> int:
    """Return how many connections the limit of open files allows, once it is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - _FILES))


@contextlib.asynccontextmanager
async def listening(server: Server, host: str, port: int, stop_deadline: float) -> AsyncIterator[int]:
    """Listen while the block runs, then finish the requests in progress; yield the port. Raises `OSError`."""
    listener = await asyncio.get_running_loop().create_server(server, host, port, backlog=_BACKLOG)
    try:
        found: int = listener.sockets[0].getsockname()[1]
        yield found
    finally:
        listener.close()
        await server.stop(stop_deadline)


async def ask_for_body(request: web.BaseRequest) -> None:
    """Ask a sender for the body that it holds back (100-continue). Raises `Refused` where it has gone."""
    if request.version >= HttpVersion11:
        try:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        except ConnectionError:
            raise refusals.incomplete_body() from None
        request.writer.output_size = 0  # the answer has not begun yet


async def linger(request: web.BaseRequest, response: web.Response) -> None:
    """Send an answer while the body is still coming, give the sender a moment to read it, and end the connection."""
    connection = connection_of(request)
    connection.server.waits(connection, idle=False)  # so that it makes room for others, if need be
    with contextlib.suppress(ConnectionError, TimeoutError, HttpProcessingError, RequestPayloadError):
        async with asyncio.timeout(LINGER_SECONDS):
            await response.prepare(request)
            await response.write_eof()
            left = LINGER_BYTES
            while left > 0 and (chunk := await request.content.readany()):
                left -= len(chunk)
    connection.drop()
