"""A poller's hourly look at a tenant's webhooks, against simulated platforms, on a virtual clock."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from headrace.config.tenants import Account
from headrace.core.mapping import Mapping as Table
from headrace.observe.registry import Registry
from headrace.poller.clock import Clock
from headrace.poller.hook_watch import EVERY_SECONDS, FIRST_SECONDS, HookWatch
from headrace.poller.metrics import PollerMetrics
from headrace.providers.discover import discover
from headrace.records.hooks import OwnHook
from headrace.records.ordered import FeedOrders
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.hooks import FAILED, Hook
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from tests.unit.polled_tenant import CallingTenant, Memory, calling

PUBLIC = "https://hooks.example.com"
DAY = 86_400.0


class OverError(Exception):
    """The virtual time is over."""


class World:
    """One tenant on a virtual clock: what happens to it is called each virtual minute."""

    def __init__(self, tenant: CallingTenant, platform: Simulator, memory: Memory, ends: float) -> None:
        provider = discover()[platform.provider]
        keys = {"polling": True, "base_url": platform.url} | platform.credentials()
        account = Account(provider, "acme", msgspec.convert(keys, provider.Settings), Table([]))
        self.now = self.began = 1_800_000_000.0
        self.ends = self.began + ends
        self.happens: Callable[[], object] = lambda: None
        self.registry = Registry("1")
        self.metrics = PollerMetrics(self.registry, [account])
        self.metrics.spread(1)
        self.metrics.owned[0] = "running"
        self.memory = memory
        self.state = memory.state.of(account.source)
        self.watch = HookWatch(
            account,
            PUBLIC,
            retries=tenant.retries,
            clock=Clock(lambda: self.now, lambda: self.now),
            state=self.state,
            writer=memory,
            metrics=self.metrics,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        ends = self.now + seconds
        while self.now < ends:
            self.now = min(ends, self.now + 60)
            self.happens()
            if self.now >= self.ends:
                raise OverError

    async def run(self) -> list[Any]:
        """Run to the end of the virtual time; return what was logged."""
        with capture_logs() as logs, pytest.raises(OverError):
            await self.watch.run()
        return [{**line, "at": self.now} for line in logs]

    def gauge(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.registry.render().decode())
        samples = (one for family in families for one in family.samples if one.name == f"headrace_{name}")
        return sum(one.value for one in samples if labels.items() <= one.labels.items())


Run = Callable[..., Awaitable[list[Any]]]


async def test_a_hook_that_failed_ten_times_is_seen_within_an_hour() -> None:
    """Disabled by the platform at a time that nobody knows: metric, one log line and memory, at most an hour later."""
    platform = leadsquared.Simulator(leadsquared.History(seed=1, events=5, leads=1), allowance=Allowance())
    brisk = {"per_window": 1_000, "window": 5}  # the calls of a day are made in a moment
    url = f"{PUBLIC}/webhooks/leadsquared/acme"
    async with platform, calling(platform, memory := Memory(), budget=brisk) as tenant:
        world = World(tenant, platform, memory, ends=DAY)
        hooks = [
            platform.webhooks.registered.add(Hook(each, url, event, code=code))
            for each, event, code in [("a", "LeadActivity_Post_Create", "21"), ("b", "LeadActivity_Post_Create", "22")]
        ]
        for hook in hooks:
            world.state.hooks[hook.id] = OwnHook(f"{hook.event} {hook.code}", url, 1)
        off: list[float] = []
        seen: list[float] = []

        def happens() -> None:
            if world.now > world.began + 5 * 3_600 and not off:
                platform.webhooks.registered.count(hooks[1], taken=False)
                if hooks[1].state == FAILED:
                    off.append(world.now)
            report = world.state.hook_report
            if report and any(one.state == "disabled" for one in report.findings) and not seen:
                seen.append(report.at / 1000)

        world.happens = happens
        logs = await world.run()
        assert off[0] < seen[0] <= off[0] + EVERY_SECONDS
        lines = [line for line in logs if line["event"] == "hook_in_trouble" and line["state"] == "disabled"]
        assert [line["hook"] for line in lines] == ["LeadActivity_Post_Create 22"]
        assert lines[0]["reason"] == "the platform disabled it after ten failed deliveries"
        assert world.gauge("hooks", state="disabled") == world.gauge("hooks", state="ok") == 1
        assert world.gauge("hooks", state="missing") == 5
        calls = [call for call in platform.calls if "Webhook.svc" in call.path]
        assert len(calls) == 1 + int((DAY - FIRST_SECONDS) // EVERY_SECONDS)  # one an hour, from the start on


async def test_what_changes_is_logged_once_and_its_end_too() -> None:
    """Missing, then registered by somebody else, then disabled: one line a change."""
    platform = outreach.Simulator(outreach.History(seed=1, events=5))
    async with platform, calling(platform, memory := Memory()) as tenant:
        world = World(tenant, platform, memory, ends=DAY)
        hook = Hook("7", f"{PUBLIC}/webhooks/outreach/acme/", "*.*")
        changes: dict[int, Callable[[], object]] = {
            (6 * 3_600): lambda: platform.webhooks.registered.add(hook),
            (12 * 3_600): lambda: setattr(hook, "state", FAILED),
        }

        def happens() -> None:
            if change := changes.pop(int(world.now - world.began), None):
                change()

        world.happens = happens
        logs = await world.run()
        found = [(line["event"], line["state"]) for line in logs if line["event"].startswith("hook_")]
        assert found == [("hook_in_trouble", "missing"), ("hook_recovered", "missing"), ("hook_in_trouble", "disabled")]
        assert world.state.hook_report
        assert world.state.hook_report.findings[0].reason == "somebody else made it"


async def test_a_fault_is_a_line_and_the_next_hour_looks_again() -> None:
    """Whatever the platform answers, the watch goes on; the last report stays."""
    platform = outreach.Simulator(outreach.History(seed=1, events=5))
    async with platform, calling(platform, memory := Memory()) as tenant:
        world = World(tenant, platform, memory, ends=3 * EVERY_SECONDS + FIRST_SECONDS)
        platform.faults.next(1, "403")
        logs = await world.run()
        assert [line["event"] for line in logs] == ["hooks_not_read", "hook_in_trouble"]
        assert world.gauge("hooks", state="missing") == 1
        assert world.gauge("hooks_looked_timestamp_seconds") >= world.began + EVERY_SECONDS


async def test_a_tenant_that_people_paused_is_not_asked() -> None:
    """It makes no calls, until it is resumed."""
    platform = outreach.Simulator(outreach.History(seed=1, events=5))
    async with platform, calling(platform, memory := Memory()) as tenant:
        world = World(tenant, platform, memory, ends=DAY)
        world.state.orders[""] = FeedOrders(paused=1)

        def happens() -> None:
            if world.now >= world.began + DAY / 2:
                assert not platform.calls or "" not in world.state.orders
                world.state.orders.pop("", None)

        world.happens = happens
        await world.run()
        assert len(platform.calls) == 12


async def test_what_breaks_in_the_watch_stops_nothing() -> None:
    """An error of ours is logged with its traceback; the next hour looks again."""
    platform = outreach.Simulator(outreach.History(seed=1, events=5))
    async with platform, calling(platform, memory := Memory()) as tenant:
        world = World(tenant, platform, memory, ends=2 * EVERY_SECONDS)
        world.state.hooks["1"] = 7  # type: ignore[assignment]  # what no record can be
        logs = await world.run()
        assert {line["event"] for line in logs} == {"hook_watch_broke"}


async def test_without_calls_for_webhooks_nothing_is_watched() -> None:
    """LeadPing has none: the watch ends at once."""
    platform = leadping.Simulator(leadping.History(seed=1, events=5, leads=1))
    async with platform, calling(platform, memory := Memory()) as tenant:
        world = World(tenant, platform, memory, ends=DAY)
        await world.watch.run()
        assert not platform.calls
