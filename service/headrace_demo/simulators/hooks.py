"""Webhooks that were registered at a simulated platform: who gets what, and which are switched off for failures."""

from collections.abc import Iterator
from typing import Final

import aiohttp
from msgspec import Struct, field

ENABLED: Final = 0
BY_HAND: Final = 1
FAILED: Final = 2
DEADLINE: Final = aiohttp.ClientTimeout(total=5)


class Hook(Struct):
    """One webhook: `event` is what it is about, `code` of which activities; `failures` count since the last success."""

    id: str
    url: str
    event: str
    code: str = ""
    secret: str = ""
    header: str = ""
    state: int = ENABLED
    failures: int = 0
    reason: str = ""
    delivered: list[bytes] = field(default_factory=list)


class RegisteredHooks:
    """The webhooks of an account: one is switched off once `most_failures` deliveries in a row failed, if at all."""

    def __init__(self, most_failures: int | None = None) -> None:
        self.all: Final[dict[str, Hook]] = {}
        self.made = 0
        self._most_failures: Final = most_failures

    def add(self, hook: Hook) -> Hook:
        """Register a webhook."""
        self.made += 1
        self.all[hook.id] = hook
        return hook

    def about(self, event: str, code: str = "") -> Iterator[Hook]:
        """Yield those that are switched on and are about an event."""
        resource, _, action = event.partition(".")
        wide = {event, f"{resource}.*", f"*.{action}", "*.*"} if action else {event}
        yield from (
            hook for hook in self.all.values() if hook.state == ENABLED and hook.event in wide and hook.code == code
        )

    async def deliver(self, http: aiohttp.ClientSession, hook: Hook, body: bytes, headers: dict[str, str]) -> bool:
        """Send a delivery once; return whether it was taken."""
        try:
            async with http.post(hook.url, data=body, headers=headers, timeout=DEADLINE) as answer:
                taken = answer.status < 300
        except (aiohttp.ClientError, TimeoutError):
            taken = False
        if taken:
            hook.delivered.append(body)
        self.count(hook, taken=taken)
        return taken

    def count(self, hook: Hook, *, taken: bool) -> None:
        """Note what became of a delivery."""
        hook.failures = 0 if taken else hook.failures + 1
        if self._most_failures is not None and hook.failures >= self._most_failures:
            hook.state = FAILED
