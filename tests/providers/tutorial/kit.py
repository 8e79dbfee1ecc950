import json

from headrace.sdk.provider import Piece, Tenant
from headrace_events import Via
from tests.providers.kit import Kit, Rendering, Twin


def sign(headers: dict[str, str], body: bytes) -> dict[str, str]:  # noqa: ARG001  (Acme signs nothing)
    """Add the static secret."""
    return headers | {"x-acme-secret": "samples-secret"}


def twins() -> list[Twin]:
    """Tell of a call that rings, then is done, by webhook and by poll."""

    def told(state: str, changed: int) -> list[Rendering]:
        row = {
            "id": 7,
            "changed": changed,
            "kind": "call",
            "state": state,
            "at": "2026-08-08T09:02:17Z",
            "person": "p1",
        }
        piece = Piece("event", json.dumps(row).encode())
        return [Rendering(piece, Via.WEBHOOK), Rendering(piece, Via.POLL)]

    return [Twin("a call", [told("ringing", 1786179737000), told("done", 1786179810000)])]


kit = Kit(settings=Tenant(webhook_secrets=["an-older-secret", "samples-secret"]), sign=sign, twins=twins)
