"""Accept webhooks. LeadSquared signs nothing: a static secret in a header that the customer sets is all there is.

https://apidocs.leadsquared.com/create-a-webhook/ has no more.

The kind of a delivery (stage or owner? task created or deleted?) does not stand in its body. The customer writes it
into the webhook's URL (`?kind=lead_stage_changed`, `?kind=lead_field_changed&field=mx_City`) or into the headers
X-Headrace-Kind and X-Headrace-Field; without it, it is found by what changed.
"""

from itertools import islice
from typing import Final

from headrace.core.problems import Problem
from headrace.providers.leadsquared import wire
from headrace.providers.leadsquared.cut import cut
from headrace.providers.leadsquared.settings import LeadSquaredSettings
from headrace.sdk.json_structure import without_bom
from headrace.sdk.limits import MOST_RECORDS
from headrace.sdk.provider import Accepted, Delivery, Piece, RawEvent, Refused, Tenant
from headrace.sdk.settings import settings_of
from headrace.sdk.signatures import is_one_of, secrets_of
from headrace_events import Via

ANSWER: Final = b'{"Status":"Success","StatusReason":""}'
_LONGEST: Final = 100  # characters of a kind or field: both travel in raw's headers


def accept(delivery: Delivery, settings: Tenant) -> Accepted:
    """Verify a delivery and cut it. Raises `Refused`."""
    if not without_bom(delivery.body).strip() and delivery.method in {"HEAD", "GET", "POST"}:
        return Accepted((), status=200, answer=ANSWER)  # the check when a webhook is saved: it holds nothing
    if delivery.method != "POST":
        raise Refused(405, Problem("method_not_allowed", "A webhook is a POST", "send the delivery with POST"))
    _verify(delivery, settings)
    kind = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(
            415,
            Problem(
                "unsupported_media_type", "The body must be JSON", "choose application/json in the webhook's settings"
            ),
        )
    pieces = islice(cut(delivery.body, None, _hint(delivery)), MOST_RECORDS + 1)
    return Accepted([_raw(delivery, piece) for piece in pieces], status=200, answer=ANSWER)


def _raw(delivery: Delivery, piece: Piece) -> RawEvent:
    return RawEvent(
        provider=wire.NAME,
        tenant=delivery.tenant,
        shape=piece.shape,
        value=piece.value,
        via=Via.WEBHOOK,
        received=delivery.received,
        hint=piece.hint,
    )


def _verify(delivery: Delivery, settings: Tenant) -> None:
    """Compare the secret with each known one, in constant time. Raises `Refused`."""
    header = settings_of(settings, LeadSquaredSettings).webhook_header
    secrets = secrets_of(settings)
    if not secrets:
        detail = "set webhook_secrets for this tenant, and the same value as a custom header of the webhook"
        raise Refused(401, Problem("no_secret", "This tenant has no webhook secret yet", detail))
    if not is_one_of(delivery.headers.get(header.lower(), ""), secrets):
        detail = f"give the webhook the custom header {header} with one of this tenant's webhook_secrets"
        raise Refused(401, Problem("bad_secret", "The secret is missing or wrong", detail))


def _hint(delivery: Delivery) -> str:
    """Return the kind that the URL or a header says, with the field behind a colon; empty where neither does."""
    kind = delivery.query.get("kind") or delivery.headers.get("x-headrace-kind") or ""
    field = delivery.query.get("field") or delivery.headers.get("x-headrace-field") or ""
    kind = kind.strip().lower()[:_LONGEST].replace("/", "_")
    field = field.strip()[:_LONGEST]
    return f"{kind}:{field}" if kind and field else kind
