"""HTTP server of the receiver: aiohttp's, with limits on connections and on how long one may be silent.

aiohttp knows one deadline for idle connections. Here a connection has `head_deadline` seconds for a whole head, counted
from its first byte (a new connection: from the start), and between requests `idle_deadline`. Where there are as many
connections as may be, the one that has been waiting for longest makes room, or the body that has been on its way for
longer: neither idle nor slow ones ever lock out a sender.

What one connection may hold beside its body is bounded too: a head takes `HEAD_BYTES` and one read, answers that nobody
takes `ANSWER_BYTES`, and while a request is in progress no more than one read of those behind it is taken.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong

from headrace.receiver import refusals
from headrace.receiver.request_loop import RequestLoop
from headrace.receiver.responses import response_of
from headrace.sdk.provider import Refused

HEAD_BYTES: Final = 32 * 1024
"""A head may take so many bytes, and what came with the read that went beyond."""
ANSWER_BYTES: Final = 16 * 1024
"""Where so many bytes of answers wait to be taken, the next request is not looked at before they are."""
ANSWER_SECONDS: Final = 10.0
"""What a sender gets to take its answers."""
_SOCKET_BYTES: Final = 64 * 1024
"""What the kernel buffers in each direction (Linux doubles it), and so the most that one read brings."""
_HEADERS: Final = 64
_LINE_BYTES: Final = 8190
_READ_BYTES: Final = 64 * 1024
_SHUTDOWN_SECONDS: Final = 0.1
"""What aiohttp waits, twice, for what did not finish in time; 0 would be for ever."""
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(RequestLoop):
    """One connection. `since` is when it began to wait for a head, or for the rest of one."""

    __slots__ = ("head_bytes", "idle", "server", "since")

    def __init__(self, server: "Server", **options: Any) -> None:
        super().__init__(server, **options)
        self.server: Final = server
        self.since = 0.0
        self.idle = False
        self.head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place among the connections, with small buffers in both directions."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport):
            transport.set_write_buffer_limits(high=ANSWER_BYTES)
        if (peer := transport.get_extra_info("socket")) is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
        self.server.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free its place."""
        self.server.lost(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the clock of the next head at its first byte; take no more than may be held."""
        if self.idle:
            self.server.waits(self, idle=False)
        request = self._current_request
        pipelined = request is not None and request.content.is_eof()
        super().data_received(data)
        if self._waiter is None or self._waiter.done():  # not of a head that is still to come
            self.head_bytes = 0
            if pipelined and not self._buffer_paused:
                self._pause_reading_for_buffer()  # `finish_response` goes on
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.server.refused(refusals.malformed_request(too_long=True))
            self.drop()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response, and wait until the sender takes it: the one place that every answer passes.

        aiohttp waits for room only within one response, so that many small ones to whoever reads none of them would
        pile up (https://docs.aiohttp.org/en/stable/web_reference.html#aiohttp.web.StreamResponse.write).
        """
        finished = await super().finish_response(request, resp, start_time)
        if self.writing_paused:
            await self._until_taken()
        if self._buffer_paused:
            self._resume_reading_if_drained()
        return finished

    async def _until_taken(self) -> None:
        """Wait, reading nothing, until the sender has taken its answers; drop it where it does not in time."""
        self._pause_reading_for_buffer()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._drain_helper()
        except TimeoutError:
            self.server.dropped += 1
            self.drop()
            raise ConnectionResetError("the sender takes no answers") from None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  (it quotes the head, and with it secrets)
    ) -> web.StreamResponse:
        """Answer what is no HTTP; nothing of it is logged, since it may hold a secret."""
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer has begun already")
        internal = status >= 500 and exc is not None  # noqa: PLR2004  (HTTP)
        refused = refusals.internal() if internal else refusals.malformed_request(too_long=_is_too_long(exc))
        self.server.refused(refused)
        return response_of(refused)


class Server(web.Server):
    """All connections; `handler` answers a request, `refused` is called with the refusal of what never became one."""

    def __init__(
        self,
        handler: Handler,
        *,
        refused: Callable[[Refused], None],
        connections: int,
        head_deadline: float,
        idle_deadline: float,
    ) -> None:
        super().__init__(self._handle)
        self.refused: Final = refused
        self._answer: Final = handler
        self._most: Final = connections
        self._head_deadline: Final = head_deadline
        self._idle_deadline: Final = idle_deadline
        self._waiting: Final[dict[Connection, None]] = {}  # for a head, the longest first
        self._handled: Final[dict[Connection, StreamReader]] = {}  # the first request first, each with its body
        self._open: Final[set[Connection]] = set()
        self._quiet = asyncio.Event()
        self.dropped = 0
        self.stopping = False

    def __call__(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(
            self,
            loop=self._loop,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=0,  # `sweep` does it
            lingering_time=0,  # `linger` does it, within bounds
            max_headers=_HEADERS,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            read_bufsize=_READ_BYTES,
        )

    def opened(self, connection: Connection) -> None:
        """Add a connection; where there are too many, the one that was waited for longest is dropped."""
        if len(self._open) >= self._most:
            self.dropped += 1
            connection.since = self._loop.time()
            oldest = self._slowest(connection)
            oldest.drop()
            if oldest is connection:
                return
            self.lost(oldest)
        self._open.add(connection)
        self.waits(connection, idle=False)

    def lost(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._handled.pop(connection, None)
        self._check_quiet()

    def waits(self, connection: Connection, *, idle: bool) -> None:
        """Note that a connection waits for a head from now on; `idle` while not a byte of it is there."""
        if connection in self._open:
            self._waiting.pop(connection, None)
            self._waiting[connection] = None
            connection.since = self._loop.time()
            connection.idle = idle
            if self.stopping:
                self._check_quiet()

    def sweep(self) -> None:
        """Drop the connections that have waited for too long."""
        now = self._loop.time()
        for connection in list(self._waiting):
            deadline = self._idle_deadline if connection.idle else self._head_deadline
            if now - connection.since > deadline:
                self.dropped += not connection.idle
                connection.drop()
                self.lost(connection)

    async def stop(self, deadline: float) -> None:
        """Finish the requests in progress within `deadline` seconds, then end every connection."""
        self.stopping = True
        for connection in list(self._waiting):
            connection.drop()
            self.lost(connection)
        self._check_quiet()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self._quiet.wait()
        await self.shutdown(_SHUTDOWN_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = connection_of(request)
        self._waiting.pop(connection, None)
        self._handled[connection] = request.content
        connection.idle = False
        if self.stopping:
            self._quiet.clear()
        try:
            response = await self._answer(request)
            if self.stopping:
                response.force_close()
            return response
        finally:
            self._handled.pop(connection, None)
            self.waits(connection, idle=True)

    def _slowest(self, newest: Connection) -> Connection:
        """Return the connection whose head, next request or body has been waited for longest."""
        waiting = next(iter(self._waiting), newest)
        reading = next((connection for connection, body in self._handled.items() if not body.is_eof()), waiting)
        return min(waiting, reading, key=lambda connection: connection.since)

    def _check_quiet(self) -> None:
        if self.stopping and len(self._waiting) == len(self._open):
            self._quiet.set()


def _is_too_long(error: BaseException | None) -> bool:
    """Return whether a head was too long, or had too many headers: for that aiohttp has no error of its own."""
    return isinstance(error, LineTooLong) or "too many headers" in str(error).lower()


def connection_of(request: web.BaseRequest) -> Connection:
    """Return the connection of a request."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        raise TypeError("the request came in by another server")
    return connection
