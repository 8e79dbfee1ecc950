"""Step 5. Verify a webhook, or refuse it with a sentence that helps."""

from headrace.sdk.provider import Accepted, Delivery, RawEvent, Refused, Tenant
from headrace.sdk.signatures import is_one_of, secrets_of
from headrace_events import Problem, Via
from tests.providers.tutorial.acme.cut import cut
from tests.providers.tutorial.acme.wire import NAME


def accept(delivery: Delivery, settings: Tenant) -> Accepted:
    """Compare the header X-Acme-Secret with each secret of the tenant. Raises `Refused`."""
    if not is_one_of(delivery.headers.get("x-acme-secret", ""), secrets_of(settings)):
        raise Refused(401, Problem("bad_secret", "The secret is wrong", "send a known secret as X-Acme-Secret"))
    return Accepted(
        [
            RawEvent(
                provider=NAME,
                tenant=delivery.tenant,
                shape=piece.shape,
                value=piece.value,
                via=Via.WEBHOOK,
                received=delivery.received,
            )
            for piece in cut(delivery.body)
        ]
    )
