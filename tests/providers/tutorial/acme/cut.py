"""Step 2. Cut one body to the bytes of each record. It never raises."""

from collections.abc import Iterator

import msgspec

from headrace.sdk.provider import UNREADABLE, Piece
from tests.providers.tutorial.acme.wire import EVENT, decode_page, decode_row


def cut(body: bytes, resource: str | None = None) -> Iterator[Piece]:  # noqa: ARG001  (there is one resource)
    """Cut a page; anything else is taken as one event, as webhooks bring it."""
    try:
        for event in decode_page(body).events:
            yield Piece(EVENT, bytes(event))
    except (msgspec.DecodeError, RecursionError):
        try:
            decode_row(body)
            yield Piece(EVENT, body)
        except (msgspec.DecodeError, RecursionError):
            yield Piece(UNREADABLE, body)
