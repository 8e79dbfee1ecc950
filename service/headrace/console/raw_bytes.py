"""Which raw bytes a page shows: those of tenants whose events are redacted only by setting."""

from typing import Final

from msgspec import Struct

from headrace.config import Config

MOST_BYTES: Final = 200_000
"""A page of more would take a browser long."""
_REDACTED: Final = (
    "Its tenant's events are redacted, and the bytes hold what events leave out: `[console] redacted_bytes = true` "
    "shows them to everybody who can log in."
)
_UNKNOWN: Final = (
    "Its tenant is not configured, so nobody knows whether its events are redacted: `[console] redacted_bytes = true` "
    "shows the bytes all the same."
)


class ShownBytes(Struct, frozen=True):
    """Bytes that may be shown, or why none are."""

    value: bytes
    why_not: str = ""
    left_out: int = 0


def shown_bytes(config: Config, source: str, value: bytes) -> ShownBytes:
    """Return the bytes of a raw record of a source as they may be shown."""
    account = config.tenants.by_source.get(source)
    if not config.console.redacted_bytes:
        if account is None:
            return ShownBytes(b"", _UNKNOWN)
        if account.redactor is not None:
            return ShownBytes(b"", _REDACTED)
    return ShownBytes(value[:MOST_BYTES], "", max(0, len(value) - MOST_BYTES))
