"""The same activities as signed webhooks: what a platform would deliver while a poller reads its lists."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from typing import Final, NamedTuple

import aiohttp
import msgspec

from headrace_demo.senders import Fact, Sender, Sending
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.api_call import encode
from headrace_demo.simulators.clock import iso
from headrace_demo.simulators.history import History, Payload
from headrace_demo.simulators.ledger import Plan
from headrace_demo.simulators.server import Simulator

_MINUTE: Final = 60
_NAMES: Final = {
    "message_opened": ("mailing", "opened"),
    "inbound_message": ("mailing", "replied"),
    "bounced_message": ("mailing", "bounced"),
    "complete_task": ("task", "completed"),
}
"""The events of Outreach that a webhook sends too, as a bare action."""


class News(NamedTuple):
    """A version that appears."""

    at: float
    plan: Plan
    version: int


def sendings(history: History, sender: Sender, since: float, until: float) -> Iterator[Sending]:
    """Yield the deliveries of what appears after `since` and up to `until`, in order, signed by `sender`.

    Their facts are those of the ledger: after webhook and poll each is one event of the history's resource and id.
    """
    moves = (
        News(move.appears, plan, version)
        for plan in history.plans
        for version, move in enumerate(plan.moves)
        if since < move.appears <= until
    )
    news = sorted(moves, key=lambda one: one.at)
    if isinstance(history, leadping.History):
        yield from _automations(history, sender, news)
    elif isinstance(history, leadsquared.History):
        yield from _batches(history, sender, news)
    elif isinstance(history, outreach.History):
        yield from _actions(history, sender, news)


async def deliver_to_registered(platform: Simulator, http: aiohttp.ClientSession, sending: Sending) -> int:
    """Deliver a sending to the webhooks that are registered at its platform; return how many deliveries were taken."""
    if isinstance(platform, outreach.Simulator):
        event = msgspec.json.decode(sending.body)["meta"]["eventName"]
        return await platform.webhooks.deliver(http, event, sending.body)
    if not isinstance(platform, leadsquared.Simulator):
        return 0
    items = msgspec.json.decode(sending.body)
    events = {"LeadActivity_Post_Update": True, "LeadActivity_Post_Create": False}
    return sum(
        [
            await platform.webhooks.deliver(http, event, [item for item in items if ("ModifiedOn" in item) is update])
            for event, update in events.items()
        ]
    )


def _automations(history: leadping.History, sender: Sender, news: list[News]) -> Iterator[Sending]:
    """Yield one run of an automation for each version, with the row in its template."""
    for _, plan, version in news:
        body = {"automation": "Tell Headrace", "event": history.row(plan, version)}
        yield Sending(sender, encode(body), _facts(history, sender, plan), run=f"run-{plan.number}-{version}")


def _batches(history: leadsquared.History, sender: Sender, news: list[News]) -> Iterator[Sending]:
    """Yield an array a minute, creations and updates apart; what the platform notes itself has no webhook."""
    arrays: dict[tuple[int, bool], list[News]] = defaultdict(list)
    for one in news:
        if history.kind_of(one.plan.number).own:
            arrays[int(one.at) // _MINUTE, one.version > 0].append(one)
    for (_, update), array in sorted(arrays.items()):
        items = [history.item(plan, version, modified=update) for _, plan, version in array]
        facts = frozenset[Fact]().union(*(_facts(history, sender, plan) for _, plan, _ in array))
        yield Sending(sender, encode(items), facts)


def _actions(history: outreach.History, sender: Sender, news: list[News]) -> Iterator[Sending]:
    """Yield a bare action for each event that webhooks tell too."""
    job = count()
    for at, plan, _ in news:
        name = _NAMES.get(history.name_of(plan))
        if name is None:
            continue
        resource, action = name
        number = history.mailing_of(plan) or 90_000 + plan.number
        meta: Payload = {"eventName": f"{resource}.{action}", "deliveredAt": iso(at, ".207+00:00")}
        meta["jobId"] = history.guid("job", next(job))
        body = {"data": {"type": resource, "id": number}, "meta": meta}
        extra = (("Outreach-Webhook-Event-Id", history.guid("delivery", plan.number)),)
        yield Sending(sender, encode(body), _facts(history, sender, plan), extra=extra)


def _facts(history: History, sender: Sender, plan: Plan) -> frozenset[Fact]:
    key = history.key_of(plan)
    return frozenset({sender.fact(key.resource, key.id)}) if key else frozenset()
