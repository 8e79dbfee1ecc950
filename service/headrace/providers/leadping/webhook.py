"""Verify the webhooks of automations: Standard Webhooks signatures, or one of LeadPing's weaker modes.

The scheme: https://www.standardwebhooks.com. Modes bearer, header and none sign no time: an old delivery can be sent
again (https://leadping.ai/docs/validating-webhooks).
"""

import base64
from typing import Final

from headrace.core.problems import Problem
from headrace.providers.leadping import cut, wire
from headrace.providers.leadping.settings import LeadPingSettings, key_of
from headrace.sdk.limits import MOST_RECORDS
from headrace.sdk.provider import Accepted, Delivery, Piece, RawEvent, Refused, Tenant
from headrace.sdk.settings import settings_of
from headrace.sdk.signatures import hmac_sha256, is_one_of, secrets_of
from headrace_events import Via

TOLERANCE_SECONDS: Final = 300
"""How far a timestamp may lie from the time of receipt; LeadPing suggests five minutes."""

_DIGITS: Final = 12
"""No time in seconds has more digits, and `int` takes only so many."""

_SCHEME: Final = "v1,"
_UNAUTHORIZED: Final = 401
_TITLES: Final = {
    _UNAUTHORIZED: "The delivery was not verified",
    405: "The method is not taken",
    415: "The content type is not taken",
}


def accept(delivery: Delivery, settings: Tenant) -> Accepted:
    """Verify a delivery and cut it. Raises `Refused`."""
    if delivery.method.upper() != "POST":
        raise _refused(405, "method_not_allowed", "LeadPing delivers by POST: so must whoever sends this.")
    content_type = delivery.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise _refused(415, "unsupported_media_type", "Set the automation's webhook action to send application/json.")
    own = settings_of(settings, LeadPingSettings)
    _verify(delivery, own)
    run = delivery.headers.get("webhook-id", "")
    pieces = cut.automation(delivery.body, own.webhook_event, MOST_RECORDS)
    return Accepted([_raw(delivery, piece, run) for piece in pieces])


def _raw(delivery: Delivery, piece: Piece, run: str) -> RawEvent:
    return RawEvent(
        provider=wire.NAME,
        tenant=delivery.tenant,
        shape=piece.shape,
        value=piece.value,
        via=Via.WEBHOOK,
        received=delivery.received,
        hint=run if piece.shape == wire.AUTOMATION else "",
        delivery=run,
    )


def sign(secret: str, run: str, timestamp: str, body: bytes) -> str:
    """Sign a body as LeadPing does: `v1,<base64>`. Raises `ValueError` where the secret is none."""
    key = key_of(secret)
    if key is None:
        raise ValueError('a secret is "whsec_" and base64')
    signed = hmac_sha256(key, f"{run}.{timestamp}.".encode(), body)
    return _SCHEME + base64.b64encode(signed).decode()


def _verify(delivery: Delivery, settings: LeadPingSettings) -> None:
    """Check what the mode asks for. Raises `Refused`."""
    if settings.webhook_mode == "none":
        return
    secrets = secrets_of(settings)
    if not secrets:
        raise _refused(
            _UNAUTHORIZED, "no_secret", "Put the secret of the automation's webhook action into webhook_secrets."
        )
    match settings.webhook_mode:
        case "signature":
            _check_signature(delivery, secrets)
        case "bearer":
            scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
            _check_secret(token.strip() if scheme.lower() == "bearer" else "", secrets, "Authorization: Bearer")
        case "header":
            named = settings.webhook_header
            _check_secret(delivery.headers.get(named.lower(), ""), secrets, named)


def _check_signature(delivery: Delivery, secrets: list[str]) -> None:
    sent = delivery.headers.get
    run, timestamp, signatures = sent("webhook-id", ""), sent("webhook-timestamp", ""), sent("webhook-signature", "")
    if not (run and timestamp and signatures):
        raise _refused(
            _UNAUTHORIZED,
            "no_signature",
            "Set the automation's webhook action to sign (webhook-id, webhook-timestamp, webhook-signature), "
            "or set webhook_mode to what it does.",
        )
    if not run.isascii():  # nor could everything that a header may hold be encoded
        raise _bad_signature()
    if not _is_time(timestamp):
        raise _stale()
    # One HMAC for each secret, however many signatures a stranger sends: each reads the whole body.
    ours = [sign(secret, run, timestamp, delivery.body) for secret in secrets if key_of(secret)]
    # Every signature is compared, for the same reason as every secret: a sum stops at none.
    if not sum(is_one_of(signature, ours) for signature in signatures.split()):
        raise _bad_signature()
    if abs(delivery.received / 1000 - int(timestamp)) > TOLERANCE_SECONDS:
        raise _stale()


def _is_time(timestamp: str) -> bool:
    return len(timestamp) <= _DIGITS and timestamp.isascii() and timestamp.isdigit()


def _bad_signature() -> Refused:
    return _refused(
        _UNAUTHORIZED, "bad_signature", "None of webhook_secrets made this signature: compare them with LeadPing's."
    )


def _stale() -> Refused:
    return _refused(
        _UNAUTHORIZED,
        "stale_timestamp",
        "The delivery was signed more than five minutes ago or ahead: check the clock of this machine.",
    )


def _check_secret(secret: str, secrets: list[str], header: str) -> None:
    if not is_one_of(secret, secrets):
        raise _refused(
            _UNAUTHORIZED, "bad_secret", f"Send one of webhook_secrets as {header}: compare them with LeadPing's."
        )


def _refused(status: int, code: str, detail: str) -> Refused:
    return Refused(status, Problem(code, _TITLES[status], detail))
