"""The steps of the scenario, played one at a time."""

import asyncio
from collections.abc import Iterable
from typing import Final

from headrace_demo.failure import Failed
from headrace_demo.polled_platforms import PolledPlatforms
from headrace_demo.program import headrace
from headrace_demo.scenario import Expected, Step
from headrace_demo.screen import Screen
from headrace_demo.webhooks import Webhooks

_DECIDE_SECONDS: Final = 30.0


class Stage:
    """Plays the steps one at a time; `expected` is what must have become of their records, in order."""

    def __init__(self, screen: Screen, decided: asyncio.Event, webhooks: Webhooks, polled: PolledPlatforms) -> None:
        self.screen = screen
        self.polled = polled
        self.expected: list[tuple[str, Expected]] = []
        self.copies: set[str] = set()
        """Providers of which an append got no answer in time: it may have arrived all the same."""
        self._record_decided = decided
        self._webhooks = webhooks

    async def play(self, step: Step) -> None:
        """Hand in a step and wait until its records are decided."""
        await self.hand_in(step)
        await self.decided()

    async def hand_in(self, step: Step) -> None:
        """Hand in a step: let it appear where it is polled, deliver a webhook, or read a file."""
        self.expected += [(step.provider, one) for one in step.expected]
        if step.appears:
            clock = self.polled.by_name[step.provider].clock
            clock.advance(step.appears - clock.now)
        if step.hook:
            await self._webhooks.send(step)
        elif step.payload:
            file = ("--provider", step.provider, "--tenant", "acme", "--resource", step.resource, "-")
            await headrace("ingest", *file, stdin=step.payload)

    def proves(self, lines: Iterable[str]) -> None:
        """Show what an act has proven, where nothing came of it that should not."""
        if not self.screen.unexpected(self.expected, self.copies):
            self.screen.proven(lines)

    async def decided(self) -> None:
        """Wait until the normalizer has decided on everything that was handed in."""
        try:
            async with asyncio.timeout(_DECIDE_SECONDS):
                while self.screen.missing(self.expected):
                    self._record_decided.clear()
                    await self._record_decided.wait()
        except TimeoutError:
            raise Failed(f"not decided on in time: {'; '.join(self.screen.missing(self.expected))}") from None
