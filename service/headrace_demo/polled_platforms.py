"""What the demo polls: one lead on each of three simulated platforms, which send webhooks of the same activities."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from headrace_demo.scenario import NUDGED, UNCHANGED, Step, published
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.ledger import Plan
from headrace_demo.simulators.server import Simulator

TENANT: Final = "polled"
_OFTEN, _SELDOM = "1s", "1h"
_ON_TIME: Final = Shape(late=0.0, edited=0.0)


class PolledPlatforms:
    """The platforms by name, at a time when nothing has happened on them yet."""

    def __init__(self) -> None:
        # The seeds are those whose few events differ: a call that is edited and a page visit, a message, and an e-mail
        # that is opened.
        self._leadsquared = leadsquared.History(9, 2, leads=1, shape=Shape(late=0.0, edited=1.0, edits=1))
        self._leadping = leadping.History(8, 1, leads=1, shape=_ON_TIME)
        self._outreach = outreach.History(10, 2, leads=1, shape=_ON_TIME)
        self.by_name: Final[dict[str, Simulator]] = {
            "leadsquared": leadsquared.Simulator(self._leadsquared, clock=Clock(self._leadsquared.begin)),
            "leadping": leadping.Simulator(self._leadping, clock=Clock(self._leadping.begin)),
            "outreach": outreach.Simulator(self._outreach, clock=Clock(self._outreach.begin)),
        }
        self._stack: Final = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for platform in self.by_name.values():
            await self._stack.enter_async_context(platform)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def all_polled(self) -> bool:
        """Whether each platform was polled."""
        return all(platform.answers for platform in self.by_name.values())

    def settings(self, provider: str) -> dict[str, object]:
        """Return the keys of a tenant: LeadPing rests until a webhook wakes its feed, the others are polled often."""
        feed = {"leadsquared": "lead_activities", "leadping": "lead_events", "outreach": "events"}[provider]
        platform = self.by_name[provider]
        more: dict[str, object] = {"feeds": [feed.replace("_", "-")]}  # each step shows what one feed brings
        if provider != "outreach":
            more["leads"] = platform.history.leads
        return platform.tenant() | more | {f"{feed}.every": _SELDOM if provider == "leadping" else _OFTEN}

    def steps(self) -> Iterator[str | Step]:
        """Yield what happens, with remarks between."""
        yield "The platforms' APIs are polled, too. What came by webhook is no news there:"
        history, call = self._leadsquared, self._leadsquared.plans[0]
        item = history.item(call, 0)
        yield _hook("leadsquared", [item], published("call.completed"))
        yield Step("leadsquared", "activity", b"", [UNCHANGED], tenant=TENANT, appears=call.appears)
        yield Step(
            "leadsquared", "activity", b"", [published("call.completed"), published("web.page_viewed")],
            tenant=TENANT, appears=history.end,
        )  # fmt: skip
        yield "A webhook of what a feed brings anyway wakes that feed, which brings it once:"
        (message,) = self._leadping.plans
        row = {"event": self._leadping.row(message, 0)}
        yield _hook("leadping", row, NUDGED, published("message.delivered"), appears=self._leadping.end)
        opened = self._outreach.plans[1]
        yield _hook(
            "outreach", _opened(self._outreach, opened), NUDGED, published("email.sent"),
            published("email.opened"), appears=self._outreach.end,
        )  # fmt: skip


def _hook(provider: str, body: Any, *expected: Any, appears: float = 0.0) -> Step:
    return Step(provider, "", body, list(expected), hook=True, tenant=TENANT, appears=appears)


def _opened(history: outreach.History, plan: Plan) -> dict[str, Any]:
    mailing = history.mailing_of(plan)
    meta = {"eventName": "mailing.opened", "deliveredAt": "2026-11-20T03:20:00.000-08:00"}
    return {"data": {"type": "mailing", "id": mailing}, "meta": meta}
