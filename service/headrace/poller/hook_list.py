"""Read all webhooks that are registered at a platform."""

from collections.abc import Awaitable, Callable
from typing import Final

from headrace.config.tenants import Account
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import Call
from headrace.sdk.hooks import HookApi, Hooked, HooksByHand, RegisteredHook

MOST_PAGES: Final = 5
"""An account with more webhooks than stand on so many pages is not looked through."""


def hooks_of(account: Account, public_url: str) -> HookApi | HooksByHand | None:
    """Return how webhooks of a tenant are registered, None where its provider takes none."""
    provider = account.provider
    return provider.hooks(account.settings, receiver_url(account, public_url)) if isinstance(provider, Hooked) else None


def receiver_url(account: Account, public_url: str) -> str:
    """Return where a tenant's webhooks are delivered to."""
    return f"{public_url.rstrip('/')}/webhooks/{account.provider.name}/{account.name}"


async def registered(hooks: HookApi, call: Callable[[Call], Awaitable[bytes]]) -> list[RegisteredHook]:
    """Return all webhooks, whoever made them. Raises `Fault`."""
    found: list[RegisteredHook] = []
    asked_for = hooks.listing()
    for _ in range(MOST_PAGES):
        page = hooks.listed(asked_for, await call(asked_for))
        found += page.hooks
        if page.following is None:
            return found
        asked_for = page.following
    raise Unavailable(f"the platform lists more webhooks than {MOST_PAGES} pages hold")
