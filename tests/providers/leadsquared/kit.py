"""LeadSquared's facts for the contract suite."""

from headrace.providers.leadsquared.settings import LeadSquaredSettings
from tests.providers.kit import Kit
from tests.providers.leadsquared.twins import twins

SECRET = "samples-secret"  # noqa: S105  (of the samples)


def sign(headers: dict[str, str], body: bytes) -> dict[str, str]:  # noqa: ARG001  (LeadSquared signs nothing)
    """Add the static secret."""
    return headers | {"x-headrace-secret": SECRET}


kit = Kit(
    settings=LeadSquaredSettings(webhook_secrets=["an-older-secret", SECRET]),
    sign=sign,
    not_payloads=(
        "activity-codes.json",  # a list of codes
        "error-*.json",
        "leads-recently-modified.json",  # leads found by a feed, no activities
        "request-*.json",
        "webhook-ack-response.json",  # what we answer
    ),
    twins=twins,
    credentials={"access_key": "u$rinvented", "secret_key": "invented-secret"},
)
