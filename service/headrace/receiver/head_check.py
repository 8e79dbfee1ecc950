"""Checks everything of a request that can be checked before a byte of its body is read."""

from collections.abc import Sequence

from aiohttp import hdrs, web

from headrace.receiver import refusals


def check_head(request: web.BaseRequest, methods: Sequence[str], most: int) -> None:
    """Check method, length (bytes, at most `most`), codings and expectation. Raises `Refused`."""
    if request.method not in methods:
        raise refusals.wrong_method(methods)
    if (request.content_length or 0) > most:
        raise refusals.body_too_large(most)
    headers = request.headers
    if hdrs.CONTENT_ENCODING in headers and _codings(headers.getall(hdrs.CONTENT_ENCODING)):
        raise refusals.encoded_body()
    if hdrs.TRANSFER_ENCODING in headers and _codings(headers.getall(hdrs.TRANSFER_ENCODING)) != ["chunked"]:
        raise refusals.unknown_transfer_coding()
    if hdrs.EXPECT in headers and headers[hdrs.EXPECT].lower() != "100-continue":
        raise refusals.unknown_expectation()


def _codings(lines: Sequence[str]) -> list[str]:
    """Return the codings that the lines of a header name, but `identity`, which is none."""
    named = (coding.strip().lower() for line in lines for coding in line.split(","))
    return [coding for coding in named if coding not in ("", "identity")]
