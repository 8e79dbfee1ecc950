"""The requests of a connection, one after the other: aiohttp's loop without a task, a timer and lingering for each.

aiohttp 3.14 runs each handler in a task of its own, because of what it may set in context variables. Ours sets none,
and a task costs as much as a signature. Its timer for idle connections is not needed beside `Server.sweep`.
"""

from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http import StreamWriter
from aiohttp.web_protocol import ERROR, _ErrInfo

from headrace.receiver.acknowledgement import Acknowledgement


class RequestLoop(web.RequestHandler):
    """A connection's way from a parsed request to an answer that is written."""

    __slots__ = ("half_closed",)

    def __init__(self, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self.half_closed = False

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks: may the answers still go out?
        """Keep the connection of a sender that closes its half behind a whole request: it still gets the answers."""
        self.half_closed = True
        request = self._current_request
        body = self._messages[-1][1] if self._messages else request.content if request is not None else None
        return body is not None and body.is_eof()

    async def start(self) -> None:
        """Answer requests until the connection ends. aiohttp runs this for each connection, and cancels it."""
        try:
            while not self._force_close:
                message, body = await self._next()
                if not await self._serve(message, body) or (self.half_closed and not self._messages):
                    break
        except BaseException:
            self.force_close()
            raise
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _next(self) -> tuple[Any, StreamReader]:
        """Wait for the next head; let the parser go on where it waited for room."""
        if not self._messages:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message, body = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        return message, body

    async def _serve(self, message: Any, body: StreamReader) -> bool:
        """Answer one request, or what is none; return whether another may follow."""
        handler, task = self._request_handler, self._task_handler
        if handler is None or task is None:
            return False  # the connection was lost
        if isinstance(message, _ErrInfo):
            handler, message = self._make_error_handler(message), ERROR
        request = web.BaseRequest(message, body, self, StreamWriter(self, self._loop), task, self._loop)
        try:
            response, reset = await self._handle_request(request, None, handler)
        except ConnectionError:
            return False
        self._keepalive = bool(response.keep_alive)
        if not body.is_eof():
            self.close()  # what is left of a refused body is not read: see `linger`
        return self._keepalive and not (reset or self._close)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write a response; return whether the sender has gone before it."""
        transport = self.transport
        if not isinstance(resp, Acknowledgement) or transport is None or transport.is_closing() or self._upgraded:
            return await super().finish_response(request, resp, start_time)
        transport.write(resp.as_bytes(request))
        return resp, False

    def drop(self) -> None:
        """End it now, whatever is still to be sent or read."""
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002  (as aiohttp has it)
        """Go on reading where that was paused: aiohttp parses nothing once more for each body that is read."""
        if self._reading_paused:
            super().resume_reading(resume_parser)
