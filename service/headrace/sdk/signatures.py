"""Make and compare the secrets and signatures of webhook deliveries. Pure."""

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from headrace.sdk.provider import Tenant


def secrets_of(settings: Tenant) -> list[str]:
    """Return the secrets of a tenant's webhooks, several during rotation; an empty one would match a missing secret."""
    return [secret for secret in settings.webhook_secrets if secret]


_BLOCK: Final = 64
"""Bytes of a block of SHA-256."""


def hmac_sha256(key: bytes, *message: bytes) -> bytes:
    """Return the HMAC of the parts of a message, one behind the other: https://www.rfc-editor.org/rfc/rfc2104.

    `hmac.digest` begins each time with the key, which takes as long as to read a kilobyte.
    """
    begun, end = _begun(key)
    inner = begun.copy()
    for part in message:
        inner.update(part)
    outer = end.copy()
    outer.update(inner.digest())
    found: bytes = outer.digest()
    return found


@lru_cache(maxsize=256)
def _begun(key: bytes) -> tuple[Any, Any]:
    """Return the inner and the outer hash of a key, each with its block read."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


def is_one_of(header: str, expected: Iterable[str]) -> bool:
    """Return whether the value of a header is one of the `expected` secrets or signatures, in constant time.

    All of them are compared, so that the time taken does not tell which one fits. The value is compared as the bytes
    that were sent: what was no UTF-8 stands in `header` as surrogate escapes.
    """
    sent = header.encode("utf-8", "surrogateescape")
    return any([hmac.compare_digest(sent, each.encode()) for each in expected])  # noqa: C419  (all are compared)
