"""The contract of a provider whose platform delivers webhooks: which ones a tenant needs, and how they are registered.

Pure, as all of a provider: commands and pollers make the calls. A secret is sent when a webhook is made and never read
back: `RegisteredHook` has no room for one.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from headrace.sdk.feed import Call
from headrace.sdk.provider import Tenant


class WantedHook(Struct, frozen=True):
    """A webhook that a configuration needs: `tells` is what it is about, in the platform's words."""

    tells: str
    url: str


class RegisteredHook(Struct, frozen=True):
    """A webhook as its platform lists it: `reason` is why it is not enabled, as far as the platform says."""

    id: str
    url: str
    tells: str
    enabled: bool = True
    reason: str = ""


class HookPage(Struct, frozen=True):
    """A page of the list, and the call for the one behind it."""

    hooks: Sequence[RegisteredHook]
    following: Call | None = None


class HookApi(Protocol):
    """The webhooks of one tenant at a platform that has calls for them."""

    wanted: Sequence[WantedHook]

    def listing(self) -> Call:
        """Return the call for the first page of all webhooks, whoever made them."""

    def listed(self, call: Call, body: bytes) -> HookPage:
        """Return what `call` brought. Raises `Unavailable` where it is no list."""

    def create(self, wanted: WantedHook, secret: str) -> Call:
        """Return the call that makes a webhook which proves itself by `secret`."""

    def created(self, body: bytes) -> str:
        """Return the id of what was made, empty where the answer has none."""

    def delete(self, id: str) -> Call:  # noqa: A002  (the design's word)
        """Return the call that deletes a webhook."""


class HooksByHand(Struct, frozen=True):
    """What a person does at a platform that has no calls for webhooks: one sentence a step, without a secret."""

    steps: Sequence[str]


@runtime_checkable
class Hooked(Protocol):
    """What a provider whose platform delivers webhooks offers beside `Provider`."""

    def hooks(self, settings: Tenant, url: str) -> HookApi | HooksByHand:
        """Return how webhooks are registered that deliver to `url`, the address of the tenant's receiver."""
