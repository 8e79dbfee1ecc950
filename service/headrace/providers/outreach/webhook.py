"""Verify webhook deliveries: hex HMAC-SHA256 over the raw body, several secrets at once.

https://developers.outreach.io/api/webhooks

Outreach signs no time, so an old delivery can be sent again by whoever recorded it; it reports a fact that is known
already and is counted as a duplicate. `Outreach-Webhook-Cleanup-Token` is a secret: it is never looked at here.
"""

from typing import Final

import msgspec

from headrace.core.problems import Problem
from headrace.providers.outreach.settings import OutreachSettings
from headrace.providers.outreach.wire import NAME, WEBHOOK, WebhookBody, decode_webhook
from headrace.sdk.json_structure import without_bom
from headrace.sdk.provider import Accepted, Delivery, RawEvent, Refused, Tenant
from headrace.sdk.settings import settings_of
from headrace.sdk.signatures import hmac_sha256, is_one_of, secrets_of
from headrace_events import Via

SIGNATURE: Final = "outreach-webhook-signature"
EVENT_ID: Final = "outreach-webhook-event-id"
CONTENT_TYPES: Final = ("application/vnd.api+json", "application/json")


def accept(delivery: Delivery, settings: Tenant) -> Accepted:
    """Verify a delivery: one raw event. Raises `Refused` with 415 or 401."""
    content_type = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        raise _refused(415, "unsupported_media_type", f"Send one of {', '.join(CONTENT_TYPES)}, as Outreach does.")
    _verify(delivery, settings)
    body = without_bom(delivery.body)  # the signature is over the mark, too
    return Accepted([_raw(delivery, body, _read(body))])


def _verify(delivery: Delivery, settings: Tenant) -> None:
    """Check the signature against every secret. Raises `Refused` 401."""
    secrets = secrets_of(settings)
    unsigned_ok = settings_of(settings, OutreachSettings).allow_unsigned
    signature = delivery.headers.get(SIGNATURE, "").strip().lower()
    if unsigned_ok and not (signature and secrets):
        return
    if not secrets:
        raise _refused(
            401,
            "no_secret",
            "Set webhook_secrets to the secret of the webhook; allow_unsigned = true takes any sender.",
        )
    if not signature:
        raise _refused(401, "no_signature", "Give the webhook a secret at Outreach, and put it into webhook_secrets.")
    if not is_one_of(signature, [sign(delivery.body, secret) for secret in secrets]):
        raise _refused(
            401, "bad_signature", "None of webhook_secrets made this signature: compare it with the webhook's."
        )


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body as Outreach makes it: lower-case hex, no prefix."""
    return hmac_sha256(secret.encode(), body).hex()


def _read(body: bytes) -> WebhookBody | None:
    """Return a body, decoded; None where it will be a dead letter: that is not decided here."""
    try:
        return decode_webhook(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _raw(delivery: Delivery, value: bytes, body: WebhookBody | None) -> RawEvent:
    """Return the raw event of the whole body; its delivery is the job at Outreach that made the request."""
    job = (body.meta.job_id if body else None) or delivery.headers.get(EVENT_ID, "")
    return RawEvent(
        provider=NAME,
        tenant=delivery.tenant,
        shape=WEBHOOK,
        value=value,
        via=Via.WEBHOOK,
        received=delivery.received,
        delivery=job,
    )


def _refused(status: int, code: str, detail: str) -> Refused:
    title = "The delivery was not verified" if status == 401 else "The content type is not taken"  # noqa: PLR2004  (HTTP)
    return Refused(status, Problem(code, title, detail))
