"""Every error response of the receiver itself, as problem details (RFC 9457). Pure.

What a provider refuses (signatures, content types) stands in its own folder and is written the same way.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from headrace.core.problems import Problem
from headrace.sdk.provider import Provider, Refused

CONTENT_TYPE: Final = "application/problem+json"
PASSING: Final = frozenset({408, 429, 500, 503})
"""Statuses that ask for the same request again; who sends only after a broken connection gets one of those instead."""
NO_ROOM_SECONDS: Final = 10
"""Retry-After when there is no room: about as long as a broker takes to be elected."""
BUSY_SECONDS: Final = 1


def body_of(refused: Refused) -> bytes:
    """Return the body of a refusal: the members of RFC 9457, and the `code` behind its type."""
    problem = refused.problem
    return msgspec.json.encode(
        {
            "type": f"urn:headrace:problem:{problem.code}",
            "title": problem.title,
            "status": refused.status,
            "detail": problem.detail,
            "code": problem.code,
        }
    )


def closes(refused: Refused, provider: Provider | None) -> bool:
    """Return whether to close the connection without an answer, since the provider would take any for delivered."""
    return provider is not None and provider.retries == "connection" and refused.status in PASSING


def not_found() -> Refused:
    """Refuse a path that is no webhook."""
    return _refused(404, "not_found", "There is nothing here", "webhooks are sent to /webhooks/PROVIDER/TENANT")


def unknown_provider() -> Refused:
    """Refuse a provider that no tenant is configured of."""
    detail = "look at the path, /webhooks/PROVIDER/TENANT, and at the tables [tenants.PROVIDER.TENANT] of headrace.toml"
    return _refused(404, "unknown_provider", "No tenant of this provider is configured", detail)


def unknown_tenant() -> Refused:
    """Refuse a tenant that is not configured at this provider."""
    detail = "look at the path, /webhooks/PROVIDER/TENANT, and at the tables [tenants.PROVIDER.TENANT] of headrace.toml"
    return _refused(404, "unknown_tenant", "The tenant is not configured", detail)


def wrong_method(methods: Sequence[str]) -> Refused:
    """Refuse a method that this provider's webhooks never use."""
    return _refused(
        405, "method_not_allowed", "The method is not taken", "send deliveries with POST", {"Allow": ", ".join(methods)}
    )


def encoded_body() -> Refused:
    """Refuse a body that would have to be unpacked: its size after decompression is unbounded."""
    detail = "send the body as it is, without Content-Encoding"
    return _refused(415, "encoded_body", "Encoded bodies are not taken", detail, {"Accept-Encoding": "identity"})


def unknown_transfer_coding() -> Refused:
    """Refuse a body that is packed by its framing: https://www.rfc-editor.org/rfc/rfc9112#section-6.1."""
    detail = "send the body as it is: with Content-Length, or with Transfer-Encoding: chunked alone"
    return _refused(501, "unknown_transfer_coding", "The transfer coding is not known here", detail)


def unknown_expectation() -> Refused:
    """Refuse an Expect that is not 100-continue."""
    return _refused(
        417, "unknown_expectation", "The expectation cannot be met", "leave Expect out, or say 100-continue"
    )


def body_too_large(most: int) -> Refused:
    """Refuse a body that has, or says that it has, more bytes than it may."""
    detail = f"send at most {most} bytes, or raise [receiver] max_body together with max.message.bytes of the topics"
    return _refused(413, "body_too_large", "The body is too large", detail)


def record_too_large() -> Refused:
    """Refuse a record that raw would never take."""
    detail = "send smaller records, or raise max.message.bytes of the topics raw, events and dead-letters"
    return _refused(413, "record_too_large", "A record is too large", detail)


def too_many_records(most: int) -> Refused:
    """Refuse more records than a real delivery has."""
    return _refused(413, "too_many_records", "There are too many records", f"send at most {most} in one delivery")


def body_too_slow(deadline: float) -> Refused:
    """Refuse a body that was not there in time."""
    return _refused(
        408, "body_too_slow", "The body did not arrive in time", f"send it whole within {deadline:g} seconds"
    )


def malformed_request(*, too_long: bool = False) -> Refused:
    """Refuse what is no HTTP, or has more or longer headers than we read."""
    if too_long:
        return _refused(431, "headers_too_large", "The head is too large", "send fewer and shorter headers")
    return _refused(400, "malformed_request", "The request is not HTTP as we read it", "look at what sends it")


def incomplete_body() -> Refused:
    """Refuse a body that broke off or is framed wrongly; the sender rarely sees the response."""
    return _refused(400, "incomplete_body", "The body ended too early", "send it whole")


def rate_limited(rate: int, rate_bytes: int, pause: float) -> Refused:
    """Refuse a delivery of a tenant that has sent more records or bytes than it may."""
    detail = f"send at most {rate} records and {rate_bytes} bytes a second, or raise rate or rate_bytes of [receiver]"
    return _refused(429, "rate_limited", "The tenant sends too fast", detail, _retry_after(pause))


def busy() -> Refused:
    """Refuse a body because the memory for bodies is used up."""
    detail = "send it again; if this goes on, raise [receiver] max_bodies or run more receivers"
    return _refused(503, "busy", "Too many bodies are on their way", detail, _retry_after(BUSY_SECONDS))


def no_room() -> Refused:
    """Refuse what neither Kafka nor the spool took: nothing was promised."""
    detail = "send it again; Kafka does not answer and the spool is full, whoever runs Headrace has to look"
    return _refused(503, "no_room", "The delivery could not be made durable", detail, _retry_after(NO_ROOM_SECONDS))


def internal() -> Refused:
    """Refuse because of an error of ours."""
    return _refused(
        500, "internal", "An error of ours", "send it again; the log of the receiver says where it happened"
    )


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, -int(-seconds // 1)))}


def _refused(status: int, code: str, title: str, detail: str, headers: dict[str, str] | None = None) -> Refused:
    return Refused(status, Problem(code, title, detail), headers)
