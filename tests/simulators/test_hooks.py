"""Webhooks that are registered at simulated platforms get what they are about, and are switched off as there."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from headrace_demo import senders
from headrace_demo.simulators import leadsquared, outreach
from headrace_demo.simulators.hooks import ENABLED, FAILED, Hook
from headrace_demo.simulators.leadsquared.webhooks import MOST_FAILURES
from headrace_demo.simulators.serving import Served
from headrace_demo.simulators.webhooks import deliver_to_registered, sendings


class Receiver:
    """Takes deliveries, or answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[tuple[str, dict[str, str], Any]] = []

    async def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        self.taken.append((path, dict(request.headers), msgspec.json.decode(await request.read())))
        return web.Response(status=self.status)


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[tuple[Receiver, str, aiohttp.ClientSession]]:
    there = Receiver()
    async with Served({"": there.answer}) as served, aiohttp.ClientSession() as http:
        yield there, served.url, http


async def test_activities_go_to_the_hooks_of_their_codes() -> None:
    """Created ones and edited ones apart, each with the secret of its hook."""
    history = leadsquared.History(seed=2, events=60, leads=2)
    platform, sender = leadsquared.Simulator(history), senders.make("leadsquared")
    async with receiver() as (there, url, http):
        hook = Hook("a", f"{url}/in", "LeadActivity_Post_Create", code="22", secret=sender.secret, header="X-Own")
        platform.webhooks.registered.add(hook)
        taken = [
            await deliver_to_registered(platform, http, each)
            for each in sendings(history, sender, history.begin - 9_999, history.end)
        ]
        assert sum(taken) == len(there.taken) > 0
        assert {item["ActivityEvent"] for _, _, body in there.taken for item in body} == {"22"}
        assert not [item for _, _, body in there.taken for item in body if "ModifiedOn" in item]
        assert {headers["X-Own"] for _, headers, _ in there.taken} == {sender.secret}


async def test_ten_failures_in_a_row_switch_a_hook_off() -> None:
    """A success in between begins the count anew; what is off gets nothing."""
    platform = leadsquared.Simulator(leadsquared.History(seed=2, events=5, leads=1))
    item = {"ActivityEvent": "22", "ProspectActivityId": "a"}
    async with receiver() as (there, url, http):
        hook = platform.webhooks.registered.add(Hook("a", url + "/in", "LeadActivity_Post_Create", code="22"))
        hook.header = "X-Own"
        for status in [*[500] * (MOST_FAILURES - 1), 200, *[500] * (MOST_FAILURES - 1)]:
            there.status = status
            await platform.webhooks.deliver(http, "LeadActivity_Post_Create", [item])
        assert hook.state == ENABLED
        await platform.webhooks.deliver(http, "LeadActivity_Post_Create", [item])
        assert hook.state == FAILED
        before = len(there.taken)
        assert await platform.webhooks.deliver(http, "LeadActivity_Post_Create", [item]) == 0
        assert len(there.taken) == before


@pytest.mark.parametrize(
    ("about", "taken"), [("*.*", 1), ("mailing.*", 1), ("*.opened", 1), ("mailing.opened", 1), ("task.*", 0)]
)
async def test_records_go_to_the_hooks_of_their_resource_and_action(about: str, taken: int) -> None:
    """Signed with the secret of the hook, as the receiver checks it."""
    platform, sender = outreach.Simulator(outreach.History(seed=2, events=5)), senders.make("outreach")
    sending = sender.opened() if isinstance(sender, senders.Outreach) else None
    assert sending is not None
    async with receiver() as (there, url, http):
        platform.webhooks.registered.add(Hook("7", url + "/in", about, secret=sender.secret))
        assert await deliver_to_registered(platform, http, sending) == len(there.taken) == taken
        wanted = sending.headers()["Outreach-Webhook-Signature"]
        assert {headers["Outreach-Webhook-Signature"] for _, headers, _ in there.taken} == {wanted} if taken else True
