"""Answers damaged in transport: cut in half, in two ways, or never arriving."""

import socket
import struct
from typing import Final

from aiohttp import web

from tests.simulators.faults import Fault

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
    elif kind in {"reset", "lost"}:
        _hang_up(request)
    return response


def _hang_up(request: web.BaseRequest) -> None:
    """End the connection with a reset, not with a polite end."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
