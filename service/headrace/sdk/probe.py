"""The contract of a provider whose credentials can be tried: one cheap call shows how its platform takes a tenant.

Pure, as all of a provider: `headrace check --online` makes the call. What a person does next is said by the provider,
in a sentence without a secret.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from headrace.sdk.feed import Call
from headrace.sdk.provider import Tenant


class AccessProbe(Struct, frozen=True, kw_only=True):
    """Calls that change nothing and bring little: tried in turn while each is `Gone`, `NoRoute` or `Rejected`.

    A good answer shows that the credentials may read `reads`. What is to be done next: `credentials` where these are
    refused, `scopes` where they are taken and may not read it, `address` where nobody answers as the platform does.
    """

    calls: Sequence[Call]
    reads: str
    credentials: str
    scopes: str
    address: str
    is_answer: Callable[[bytes], bool] = bool
    """Whether a body is what the platform answers: anything may answer 200."""


@runtime_checkable
class ShowsAccess(Protocol):
    """What a provider offers beside `Polled` whose credentials can be tried."""

    def probe(self, settings: Tenant, now: int) -> AccessProbe:
        """Return how a tenant's credentials are tried; `now` is in ms since the epoch."""
