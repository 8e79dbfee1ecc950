import random
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from headrace.kafka.client import KafkaError
from headrace.observe import metric_definitions as definitions
from headrace.observe.registry import Registry
from headrace.poller import fault_policy
from headrace.poller.metrics import CALLS, SKIPPED, TURNS, PollerMetrics
from headrace.receiver.metrics import ReceiverMetrics
from headrace.records.cursors import home_partition
from headrace.sdk import faults
from headrace.sdk.feed import Skipped
from headrace.sdk.limits import CallLimits
from headrace_events import Via
from tests.fake_provider import TABLE, polled, tenants
from tests.unit.test_normalizer_metrics import Numbers, read

NOW = 1_760_000_000.0
PARTITIONS = 4
LIMITS = CallLimits(per_window=20, window=5.0, per_day=9_000)
AT = {"provider": "things", "tenant": "acme"}
TRAIL = {**AT, "feed": "trail"}


class Polled:
    """The metrics of a poller for the tenants acme and brio, in a registry that it shares with a receiver."""

    def __init__(self) -> None:
        self.now = NOW
        self.registry = Registry("1.2.3")
        accounts = [polled("http://nowhere", name, feeds=["rows", "trail"], limits=LIMITS) for name in ("acme", "brio")]
        self.receiver = ReceiverMetrics(self.registry, tenants(TABLE, "quiet"), lambda: self.now)
        self.metrics = PollerMetrics(self.registry, [*accounts, *tenants(TABLE, "quiet")], lambda: self.now)
        self.metrics.spread(PARTITIONS)

    def own(self, tenant: str) -> int:
        """Take over the partition where a tenant lives."""
        partition = home_partition(f"/things/{tenant}", PARTITIONS)
        self.metrics.rebalanced(1)
        self.metrics.task_state(partition, "running")
        return partition

    def numbers(self) -> Numbers:
        return read(self.registry.render())

    def number(self, name: str, **labels: str) -> float | None:
        return self.numbers().get((f"headrace_{name}", frozenset(labels.items())))

    def total(self, name: str, **labels: str) -> float:
        """Sum over all label sets of a metric that have these labels."""
        wanted = labels.items()
        return sum(n for (found, has), n in self.numbers().items() if found == f"headrace_{name}" and wanted <= has)


@pytest.fixture
def poller() -> Polled:
    return Polled()


def test_every_defined_family_is_exported_with_its_labels(poller: Polled) -> None:
    """A poller that polls a tenant shows every family of its chapters, under exactly the labels that are defined."""
    poller.own("acme")
    poller.metrics.follow({"nudges": lambda: 0.0})
    families = {f.name: f for f in text_string_to_metric_families(poller.registry.render().decode())}
    for family in (*definitions.EVERYWHERE, *definitions.APPENDING, *definitions.POLLER, *definitions.TASKS):
        found = families[family.name.removesuffix("_total")]
        assert found.type == family.kind
        assert found.documentation == family.help
        assert found.samples
        for sample in found.samples:
            assert set(sample.labels) - {"le"} == set(family.labels)


def test_every_known_label_set_stands_at_zero_from_the_start(poller: Polled) -> None:
    """Before the first call, each polled tenant has each outcome and reason; who is not polled has nothing."""
    for tenant in ("acme", "brio"):
        at = {"provider": "things", "tenant": tenant}
        assert all(poller.number("calls_total", **at, outcome=outcome) == 0 for outcome in (*CALLS, "other"))
        assert poller.number("leads_gone_total", **at) == 0
        assert poller.number("raw_appended_total", **at, via="poll") == 0
        for name in ("rows", "trail"):
            assert all(poller.number("turns_total", **at, feed=name, outcome=word) == 0 for word in (*TURNS, "other"))
            assert all(poller.number("skipped_rows_total", **at, feed=name, reason=word) == 0 for word in SKIPPED)
            assert poller.number("feed_records_total", **at, feed=name) == 0
            assert poller.number("rows_incomplete_total", **at, feed=name) == 0
    for name in ("tasks_owned", "rebalances_total", "producers_stuck_total", "restore_duration_seconds_count"):
        assert poller.number(name, role="poller") == 0
    assert poller.number("calls_total", provider="things", tenant="quiet", outcome="ok") is None
    named = {name for (name, _), value in poller.numbers().items() if name.startswith("headrace_") and value}
    assert named == {"headrace_build_info", "headrace_answers_limit_bytes"}


def test_what_is_known_of_a_tenant_is_shown_by_the_process_that_polls_it(poller: Polled) -> None:
    """From the moment it is assigned, with a whole budget, until it is taken away; and anew when it comes back."""
    assert poller.number("tenant_parked", **AT) is None
    partition = poller.own("acme")
    assert poller.number("tenant_parked", **AT) == 0
    assert poller.number("token_expiry_timestamp_seconds", **AT) == 0
    left = [poller.number("budget_left", **AT, span=span) for span in ("window", "day", "year")]
    assert left == [20, 9_000, None]
    assert poller.number("feed_last_success_timestamp_seconds", **TRAIL) == 0
    poller.metrics.parked("things", "acme", parked=True)
    poller.metrics.watched("things", "acme", 7)
    poller.metrics.token("things", "acme", NOW + 3_600)
    poller.metrics.skew("things", "acme", -2.5)
    poller.metrics.budget("things", "acme", {"window": 3, "day": 8_000})
    assert poller.number("tenant_parked", **AT) == 1
    assert poller.number("leads_watched", **AT) == 7
    assert poller.number("token_expiry_timestamp_seconds", **AT) == NOW + 3_600
    assert poller.number("clock_skew_seconds", **AT) == -2.5
    assert poller.number("budget_left", **AT, span="day") == 8_000
    poller.metrics.forget(partition)
    assert poller.number("tenant_parked", **AT) is None
    poller.metrics.token("things", "brio", NOW)
    assert poller.number("token_expiry_timestamp_seconds", provider="things", tenant="brio") is None
    poller.own("acme")
    assert poller.number("tenant_parked", **AT) == 0
    assert poller.number("budget_left", **AT, span="day") == 9_000


def test_staleness_grows_by_itself_until_a_feed_is_read(poller: Polled) -> None:
    """It counts from what was read last; before that, from when the tenant came here."""
    poller.own("acme")
    assert poller.number("feed_staleness_seconds", **TRAIL) == 0
    poller.now += 50
    assert poller.number("feed_staleness_seconds", **TRAIL) == 50
    poller.metrics.turn("things", "acme", "trail", "unavailable", 1.0)
    assert poller.number("feed_last_success_timestamp_seconds", **TRAIL) == 0
    poller.metrics.turn("things", "acme", "trail", "ok", 1.0)
    poller.metrics.fresh("things", "acme", "trail", NOW + 45)
    assert poller.number("feed_staleness_seconds", **TRAIL) == 5
    assert poller.number("feed_last_success_timestamp_seconds", **TRAIL) == NOW + 50
    poller.now += 100
    assert poller.number("feed_staleness_seconds", **TRAIL) == 105
    poller.metrics.fresh("things", "acme", "trail", poller.now + 9)
    assert poller.number("feed_staleness_seconds", **TRAIL) == 0


def test_how_stale_a_feed_may_be_is_shown_once_it_is_known(poller: Polled) -> None:
    """Until then 0, which no alarm takes for a limit."""
    poller.own("acme")
    assert poller.number("feed_staleness_limit_seconds", **TRAIL) == 0
    poller.metrics.may_be_stale("things", "acme", "trail", 900.0)
    assert poller.number("feed_staleness_limit_seconds", **TRAIL) == 900


def test_calls_wait_and_are_timed(poller: Polled) -> None:
    """Each call is counted under its outcome and its tenant, and timed by provider."""
    poller.metrics.waited("things", "acme", 0.0)
    poller.metrics.called("things", "acme", "ok", 0.2)
    poller.metrics.called("things", "acme", "throttled", 0.1)
    assert poller.number("calls_total", **AT, outcome="throttled") == 1
    assert poller.number("call_duration_seconds_sum", provider="things") == pytest.approx(0.3)
    assert poller.number("budget_wait_seconds_count", provider="things") == 1


def test_tasks_of_a_poller_stand_beside_those_of_other_roles(poller: Polled) -> None:
    """States, restores and commits are counted under its role."""
    partition = poller.own("acme")
    poller.metrics.count_restore(0.2)
    poller.metrics.count_commit(partition, 0.01)
    assert poller.number("tasks", role="poller", state="running") == 1
    assert poller.number("restore_duration_seconds_count", role="poller") == 1
    assert poller.number("commits_total", role="poller", partition=str(partition)) == 1
    assert poller.number("commit_duration_seconds_count", role="poller") == 1


def test_what_must_hold_holds_over_a_random_story(poller: Polled) -> None:
    """Records of feeds = raw appended via poll, and each turn and call is timed, as the page says."""
    dice = random.Random(5)
    counted: Counter[str] = Counter()
    for _ in range(500):
        tenant, name = dice.choice(["acme", "brio"]), dice.choice(["rows", "trail"])
        labels = "things", tenant
        for _ in range(dice.randrange(4)):
            poller.metrics.called(*labels, dice.choice(CALLS), dice.random())
            counted["calls"] += 1
        poller.metrics.turn(*labels, name, dice.choice(TURNS), dice.random())
        count = dice.randrange(9)
        poller.metrics.appended(*labels, name, count)
        poller.receiver.appended("/things/quiet", Via.WEBHOOK, dice.randrange(3))
        counted["records"] += count
    assert poller.total("feed_records_total") == poller.total("raw_appended_total", via="poll") == counted["records"]
    assert poller.total("turns_total") == poller.total("turn_duration_seconds_count") == 500
    assert poller.total("calls_total") == poller.total("call_duration_seconds_count") == counted["calls"]


def test_words_that_nobody_knows_add_no_series_without_bound(poller: Polled) -> None:
    """A thousand invented outcomes and reasons leave a hundred, and the rest in other."""
    poller.own("acme")
    before = len(poller.numbers())
    for number in range(1_000):
        poller.metrics.called("things", "acme", f"word{number}", 0.1)
        poller.metrics.turn("things", "acme", "rows", f"word{number}", 0.1)
        poller.metrics.skipped("things", "acme", "rows", f"word{number}", 1)
    assert len(poller.numbers()) <= before + 300
    assert poller.number("calls_total", **AT, outcome="other") == 900


def test_every_outcome_and_every_reason_is_known() -> None:
    """The faults that there are, the codes that treatments give, and what feeds skip stand at 0 at first."""
    codes = {fault.code for fault in vars(faults).values() if isinstance(fault, type) and hasattr(fault, "code")}
    assert {"ok", *codes} - {"incomplete"} == set(CALLS)  # no call is: a turn of several is
    own = {fault_policy.code_of(error) for error in (KafkaError(), TimeoutError(), ConnectionError(), KeyError())}
    assert {*CALLS, *codes, *own, "stopped"} == set(TURNS)
    assert issubclass(faults.Denied, faults.Fault)
    reasons = Skipped.__annotations__["reason"].__args__
    assert {*reasons, "too_large"} == set(SKIPPED)
