"""Acme's facts for the contract suite."""

import json

from headrace.sdk.provider import Piece
from headrace_events import Via
from tests.providers.kit import Kit, Rendering, Twin
from tests.providers.tutorial.acme.settings import AcmeSettings

SECRET = "samples-secret"  # noqa: S105  (of the samples)


def sign(headers: dict[str, str], body: bytes) -> dict[str, str]:  # noqa: ARG001  (Acme signs nothing)
    """Add the static secret."""
    return headers | {"x-acme-secret": SECRET}


def row(state: str, changed: int) -> list[Rendering]:
    """Return a call in some state, by webhook and by poll."""
    body = {
        "id": 7,
        "changed": changed,
        "kind": "call",
        "state": state,
        "at": "2026-08-08T09:02:17Z",
        "person": "p1",
    }
    piece = Piece("event", json.dumps(body).encode())
    return [Rendering(piece, Via.WEBHOOK), Rendering(piece, Via.POLL)]


def twins() -> list[Twin]:
    """Return a call that rings, then is done, by webhook and by poll."""
    return [Twin("a call", [row("ringing", 1786179737000), row("done", 1786179810000)])]


kit = Kit(
    settings=AcmeSettings(webhook_secrets=["an-older-secret", SECRET]),
    sign=sign,
    twins=twins,
    credentials={"api_key": "invented-key"},
)
