"""The HTTP response of a refusal."""

from typing import Final

from aiohttp import web

from headrace.receiver import refusals
from headrace.sdk.provider import Refused

_CLOSING_HEADERS: Final = {"Content-Type": refusals.CONTENT_TYPE, "Connection": "close", "Server": "Headrace"}


def response_of(refused: Refused) -> web.Response:
    """Return the response of a refusal; the connection ends with it."""
    response = web.Response(
        status=refused.status, headers={**_CLOSING_HEADERS, **refused.headers}, body=refusals.body_of(refused)
    )
    response.force_close()
    return response
