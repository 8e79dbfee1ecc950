"""Answers of what stands before a platform: pages and JSON that are not in its own form, and redirects."""

from typing import Final, Literal

from aiohttp import web
from yarl import URL

from headrace_demo.simulators.api_call import encode
from headrace_demo.simulators.faults import Kind

Body = Literal["html", "json"]

_REASONS: Final = {
    404: "Not Found",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
_CHALLENGE: Final = "<!doctype html><title>One moment</title><h1>We are checking your browser</h1>\n"


class GatewayResponse(web.Response):
    """An answer that the platform knows nothing of: it counts no call, and tells nothing of the quota."""


def refusal(status: int, body: Body) -> GatewayResponse:
    """Return what a gateway says where it does not reach the platform, or knows no such path."""
    reason = _REASONS[status]
    if body == "json":
        return GatewayResponse(
            status=status, body=encode({"statusCode": status, "message": reason}), content_type="application/json"
        )
    page = f"<html><head><title>{status} {reason}</title></head><body><h1>{status} {reason}</h1></body></html>\n"
    return GatewayResponse(status=status, text=page, content_type="text/html")


def gateways(kind: Kind) -> GatewayResponse | None:
    """Return what a gateway answers instead of the platform where a fault is of that kind."""
    if kind == "html":
        return GatewayResponse(text=_CHALLENGE, content_type="text/html")
    body, _, status = kind.partition("_")
    if body == "html":
        return refusal(int(status), "html")
    return refusal(int(status), "json") if body == "json" else None


def redirect(request: web.BaseRequest, status: int, location: str) -> web.Response:
    """Return a redirect to a URL or a path; "": to what was asked for, with its query."""
    onward = request.url.join(URL(location)) if location else request.url
    return web.Response(status=status, headers={"Location": str(onward)})
