"""What is noted for operators where it is seen: configuration, webhooks, staleness, codes."""

from pathlib import Path
from typing import Any

import pytest

from headrace.config import load
from headrace.config.config_watch import ConfigWatch
from headrace.config.live import LiveConfig
from headrace.core.redaction import Redaction
from headrace.normalizer.code_notices import MOST, CodeNotices
from headrace.observe.notice_level import CODE_LASTS_SECONDS
from headrace.observe.notices import Notices
from headrace.observe.registry import Registry
from headrace.poller.hook_watch import HookWatch
from headrace.poller.metrics import PollerMetrics
from headrace.poller.scheduler import Scheduler
from headrace.poller.shares import Shares
from headrace.poller.stale_feeds import LEAST_SECONDS, StaleFeeds
from headrace.poller.staleness_watch import StalenessWatch
from headrace.records.hooks import HookFinding, HookReport
from headrace.sdk.limits import CallLimits
from headrace_events import NoticeKind
from tests.fake_feeds import Listing
from tests.fake_provider import TABLE, account, polled
from tests.unit.configs import write

DAY = 86_400.0


def noted(notices: Notices) -> dict[str, str]:
    """Return what is open, by its key."""
    return {key: level.summary for key, level in notices._levels.items() if level.is_open}


def test_a_configuration_that_is_refused_is_noted_until_it_is_set_right(tmp_path: Path) -> None:
    """With the first fault, where it lies, and how many more there are."""
    notices = Notices()
    notices.process = "/headrace/a/all"
    file = write(tmp_path, "[tenants.outreach.acme]\n")
    watch = ConfigWatch(LiveConfig(load(file, {})), {}, notices, sleep=lambda _: None)
    watch.look()
    assert noted(notices) == {}
    write(tmp_path, "[tenants.outreach.acme]\npooling = true\n[tenants.outreach.b]\npooling = true\n")
    watch.look()
    (why,) = noted(notices).values()
    assert list(noted(notices)) == ["/headrace/a/all/configuration_refused"]
    assert "headrace.toml:2" in why
    assert why.startswith("what was before stays; fault 1 of 2: ")
    write(tmp_path, "[tenants.outreach.acme]\n")
    watch.look()
    assert noted(notices) == {}


async def test_a_process_that_has_ended_refuses_nothing(tmp_path: Path) -> None:
    """Its notice is over with it."""
    notices = Notices()
    notices.note(NoticeKind.CONFIGURATION_REFUSED, notices.process, "bad")
    running = ConfigWatch(LiveConfig(load(write(tmp_path, ""), {})), {}, notices).run()
    running.send(None)
    running.close()
    assert noted(notices) == {}


def test_webhooks_in_trouble_are_noted_one_by_one() -> None:
    """As long as a look finds them so; what another process found before is over once it is well."""
    tenant = polled("http://nowhere")
    metrics = PollerMetrics(Registry("1"), [tenant])
    parts: dict[str, Any] = dict.fromkeys(("retries", "clock", "state", "writer"))
    watch = HookWatch(tenant, None, metrics=metrics, **parts | {"clock": _Clock()})
    bad, worse = HookFinding("disabled", "created", 1, "ten failures"), HookFinding("gone", "changed", 1)
    watch._show(HookReport(1, {}, (bad, worse)), HookReport(0))
    assert noted(metrics.notices) == {
        "/things/t/hook_in_trouble/created": "disabled: ten failures",
        "/things/t/hook_in_trouble/changed": "gone",
    }
    watch._show(HookReport(1, {}, (worse,)), HookReport(1, {}, (bad, worse)))
    assert noted(metrics.notices) == {"/things/t/hook_in_trouble/changed": "gone"}


class _Clock:
    ahead = 0.0


def test_a_budget_that_is_too_small_is_noted_while_it_is() -> None:
    """By each look, so that a process that takes over knows it."""
    tenant = polled("http://nowhere", max_staleness=3_600)
    metrics = PollerMetrics(Registry("1"), [tenant])
    watch = StalenessWatch(tenant, CallLimits(per_window=10, window=5.0), Shares(), metrics)
    watch.look({"trail": (1_000_000, 1.0)})
    assert list(noted(metrics.notices)) == ["/things/t/budget_too_small"]
    watch.look({"trail": (10, 1.0)})
    assert noted(metrics.notices) == {}


@pytest.mark.parametrize(("feed", "allowed"), [("rows", LEAST_SECONDS), ("slow", 3 * 7_200.0), ("trail", DAY)])
def test_a_feed_is_stale_after_a_time_of_its_own(feed: str, allowed: float) -> None:
    """Of the whole tenant: three rests, and a quarter of an hour at least; lead by lead: the maximum staleness."""
    now = 1_800_000_000.0
    tenant = polled("http://nowhere")
    metrics = PollerMetrics(Registry("1"), [tenant], lambda: now)
    settings: Any = tenant.settings
    feeds = [Listing("rows", "", settings), Listing("slow", "", settings), Listing("trail", "", settings, by_lead=True)]
    for one, every in zip(feeds, (60, 7_200, 60), strict=True):
        one.every = every
    scheduler = Scheduler(feeds)
    stale = StaleFeeds(tenant, [one.name for one in feeds], ["trail"], scheduler=scheduler, metrics=metrics)
    for one in feeds:
        metrics.fresh("things", "t", one.name, now + (0 if one.name == feed else 10 * DAY))
    stale.note(now + allowed, "it says 503")
    assert noted(metrics.notices) == {}
    stale.note(now + allowed + 1, "it says 503")
    assert noted(metrics.notices) == {
        f"/things/t/feed_stale/{feed}": "not read to its end since 2027-01-15 08:00 UTC: it says 503"
    }
    scheduler.paused = frozenset({feed})
    stale.note(now + allowed + 2, "")
    assert noted(metrics.notices) == {}, "people said so"
    assert metrics._of("things", "t").allowed[feed] == allowed, "shown for an alarm beside how stale it is"
    scheduler.paused = frozenset()
    metrics.fresh("things", "t", feed, now + allowed)
    stale.note(now + allowed + 3, "")
    assert noted(metrics.notices) == {}


class Seen:
    """Codes of tenants a and b, as a normalizer sees them, on a virtual clock."""

    def __init__(self) -> None:
        self.now = 1_786_179_600.0
        self.notices = Notices(lambda: self.now)
        self.codes = CodeNotices(self.notices, lambda: self.now)
        self.codes.know([account("a"), account("b")])

    def noted(self, tenant: str) -> set[str]:
        """Return the codes of which a notice is open."""
        start = f"/things/{tenant}/code_first_seen/"
        return {key.removeprefix(start) for key in noted(self.notices) if key.startswith(start)}


def test_codes_are_noted_of_known_tenants() -> None:
    """With what is done with their records."""
    seen = Seen()
    seen.codes.saw("/things/a", "1", unmapped=True)
    seen.codes.saw("/things/a", "2", unmapped=False)
    seen.codes.saw("/things/nobody", "1", unmapped=True)
    seen.codes.saw("/things/b", "", unmapped=True)
    seen.codes.saw("/things/b", "9", unmapped=True)
    found = noted(seen.notices)
    assert "no row:" in found["/things/a/code_first_seen/1"]
    assert "only one for a range" in found["/things/a/code_first_seen/2"]
    assert len(found) == 3


def test_each_code_is_judged_by_the_new_tables() -> None:
    """Only one that these decide is over; what a range still guesses is not. On the topic as in this process."""
    seen = Seen()
    for code in ("moon", "sun", "150"):
        seen.codes.saw("/things/a", code, unmapped=True)
    seen.notices.settle({})
    stood = {one.partitionkey: one for one in seen.notices.due()}
    row = '\n[[row]]\ncode = "moon"\ntype = "call.logged"\n'
    seen.codes.know([account("a", table=TABLE + row)])
    assert seen.noted("a") == {"sun", "150"}
    other = Seen()
    other.codes.know([account("a", table=TABLE + row)])
    other.notices.settle(stood)
    other.notices.ends = True
    assert [one.data.item for one in other.notices.due()] == ["moon"]
    same = Seen()
    same.notices.settle(stood)
    assert same.notices.due() == []


def test_a_tenant_that_is_gone_has_no_codes() -> None:
    """They are over, and take no room."""
    seen = Seen()
    seen.codes.saw("/things/a", "moon", unmapped=True)
    seen.codes.know([account("b")])
    assert seen.noted("a") == set()
    assert seen.codes._codes == {}


def test_each_tenant_has_room_for_codes_of_its_own() -> None:
    """Further ones are counted by metrics alone, until some came in no more for as long as a notice of them counts."""
    seen = Seen()
    for number in range(2 * MOST):
        seen.codes.saw("/things/a", f"n{number}", unmapped=True)
    seen.codes.saw("/things/b", "new", unmapped=True)
    assert (len(seen.noted("a")), seen.noted("b")) == (MOST, {"new"})
    seen.now += CODE_LASTS_SECONDS
    seen.codes.saw("/things/a", "late", unmapped=True)
    assert "late" in seen.noted("a")


def test_a_code_is_noted_with_the_mapping_of_its_events() -> None:
    """Which stands for the tables and the redaction."""
    notices = Notices(lambda: 0.0)
    codes = CodeNotices(notices, lambda: 0.0)
    tenant = account("a", redact=Redaction(drop=["text"]))
    codes.know([tenant])
    codes.saw("/things/a", "moon", unmapped=True)
    assert tenant.mapping_id != tenant.mapping.id
    assert [level.mapping for level in notices._levels.values()] == [tenant.mapping_id]
