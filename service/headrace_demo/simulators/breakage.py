"""Answers damaged in transport: cut in half, in two ways, or never arriving."""

import asyncio
import socket
import struct
from typing import Final

from aiohttp import web

from headrace_demo.simulators.faults import Fault

_LOOK_SECONDS: Final = 0.05
_RESET: Final = struct.pack("ii", 1, 0)


async def after(request: web.BaseRequest, response: web.Response, fault: Fault | None) -> web.StreamResponse:
    """Do to an answer what a fault does to it on its way."""
    kind = fault.kind if fault else ""
    body = response.body if isinstance(response.body, bytes) else b""
    if kind == "truncated":
        response.body = body[: len(body) // 2]
    elif kind == "cut_off":
        response.headers["Content-Length"] = str(len(body))
        partial = web.StreamResponse(status=response.status, headers=response.headers)
        await partial.prepare(request)
        await partial.write(body[: len(body) // 2])
        _hang_up(request)
        return partial
    elif fault is not None and kind == "unanswered":
        await _caller_left(request, fault.seconds)
        _hang_up(request)
    elif kind in {"reset", "lost"}:
        _hang_up(request)
    return response


async def _caller_left(request: web.BaseRequest, seconds: float) -> None:
    """Wait until the caller has closed the connection, for at most `seconds`."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while loop.time() < ends and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  (nothing tells)
        await asyncio.sleep(min(_LOOK_SECONDS, seconds))


def _hang_up(request: web.BaseRequest) -> None:
    """End the connection with a reset, not with a polite end."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
