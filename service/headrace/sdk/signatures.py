"""Compare the secrets and signatures of webhook deliveries. Pure."""

import hmac
from collections.abc import Iterable

from headrace.sdk.provider import Tenant


def secrets_of(settings: Tenant) -> list[str]:
    """Return the secrets of a tenant's webhooks, several during rotation; an empty one would match a missing secret."""
    return [secret for secret in settings.webhook_secrets if secret]


def is_one_of(header: str, expected: Iterable[str]) -> bool:
    """Return whether the value of a header is one of the `expected` secrets or signatures, in constant time.

    All of them are compared, so that the time taken does not tell which one fits. The value is compared as the bytes
    that were sent: what was no UTF-8 stands in `header` as surrogate escapes.
    """
    sent = header.encode("utf-8", "surrogateescape")
    return any([hmac.compare_digest(sent, each.encode()) for each in expected])  # noqa: C419  (all are compared)
