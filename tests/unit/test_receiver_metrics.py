import ast
import random
import string
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

import headrace
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.observe import metric_definitions as definitions
from headrace.observe.registry import Registry
from headrace.receiver.metrics import REFUSALS, REFUSALS_UNKNOWN, SET_ASIDE, UNKNOWN, ReceiverMetrics
from headrace.spool import Damage, Spool, SpoolFacts
from headrace_events import Via
from tests.fake_provider import FAKE, TABLE, tenants, thing
from tests.unit.partition import Partition
from tests.unit.test_normalizer_metrics import Numbers, decision, read

NOW = 1_760_000_000.0
MOST = 100
"""Values of one label from outside that have series of their own."""


class ReceiverNumbers:
    """The metrics of a receiver for the tenants acme and brio of one provider, in a registry of its own."""

    def __init__(self) -> None:
        self.now = NOW
        self.registry = Registry("1.2.3")
        self.metrics = ReceiverMetrics(self.registry, tenants(TABLE, "acme", "brio"), lambda: self.now)

    def numbers(self) -> Numbers:
        return read(self.registry.render())

    def number(self, name: str, **labels: str) -> float | None:
        return self.numbers().get((f"headrace_{name}", frozenset(labels.items())))

    def total(self, *names: str) -> float:
        """Sum over all label sets of these metrics."""
        wanted = {f"headrace_{name}" for name in names}
        return sum(value for (name, _), value in self.numbers().items() if name in wanted)


@pytest.fixture
def receiver() -> ReceiverNumbers:
    return ReceiverNumbers()


class StillSpool:
    """What metrics read of a spool: empty and whole, until a test says otherwise."""

    def __init__(self) -> None:
        self.usable = True
        self.limit = 4096
        self.damage = Damage()
        self.now = SpoolFacts(topics={}, set_aside=0, bytes=0, oldest=None, put=0, drained=0)

    def facts(self) -> SpoolFacts:
        return self.now

    def holds(self, waiting: int = 0, **changes: int) -> None:
        """Change what it holds."""
        self.now = structs.replace(self.now, topics={"raw": waiting}, **changes)


def shown(metrics: ReceiverMetrics) -> StillSpool:
    """Return a spool that these metrics show."""
    spool = StillSpool()
    metrics.show_spool(cast("Spool", spool))
    return spool


def test_every_defined_family_is_exported_with_its_labels(receiver: ReceiverNumbers) -> None:
    """A receiver shows every family of its chapter at once, under exactly the labels that are defined."""
    families = {f.name: f for f in text_string_to_metric_families(receiver.registry.render().decode())}
    for family in (*definitions.EVERYWHERE, *definitions.APPENDING, *definitions.RECEIVER):
        found = families.pop(family.name.removesuffix("_total"))
        assert found.type == family.kind
        assert found.documentation == family.help
        assert found.samples
        for sample in found.samples:
            assert set(sample.labels) - {"le"} == set(family.labels)
    assert not [name for name in families if name.startswith("headrace_")]


def test_every_known_label_set_stands_at_zero_from_the_start(receiver: ReceiverNumbers) -> None:
    """Before the first request, each tenant has each number and each reason, and nothing has a value but the build."""
    numbers = receiver.numbers()
    for tenant in ("acme", "brio"):
        at = {"provider": "things", "tenant": tenant}
        for name in (
            *("deliveries_total", "checks_total", "last_delivery_timestamp_seconds", "spooled_total"),
            "accepted_records_total",
        ):
            assert numbers[f"headrace_{name}", frozenset(at.items())] == 0
        for reason in (*REFUSALS, "other"):
            assert receiver.number("refusals_total", **at, reason=reason) == 0
        assert receiver.number("raw_appended_total", **at, via="webhook") == 0
    for reason in (*REFUSALS_UNKNOWN, "other"):
        assert receiver.number("refusals_total", provider="unknown", tenant="unknown", reason=reason) == 0
    for reason in (*SET_ASIDE, "other"):
        assert receiver.number("set_aside_total", reason=reason) == 0
    assert receiver.number("delivery_duration_seconds_bucket", provider="things", le="0.03") == 0
    named = {name for (name, _), value in numbers.items() if name.startswith("headrace_") and value}
    assert named == {"headrace_build_info"}


def test_a_delivery_is_counted_timed_and_dated(receiver: ReceiverNumbers) -> None:
    """What was acknowledged stands under its tenant: count, duration, time, and what it held."""
    receiver.metrics.accepted("/things/acme", 0.03, records=4)
    receiver.now += 60
    receiver.metrics.accepted("/things/acme", 0.031, records=1)
    at = {"provider": "things", "tenant": "acme"}
    assert receiver.number("deliveries_total", **at) == 2
    assert receiver.number("last_delivery_timestamp_seconds", **at) == NOW + 60
    assert receiver.number("last_delivery_timestamp_seconds", provider="things", tenant="brio") == 0
    assert receiver.number("delivery_duration_seconds_bucket", provider="things", le="0.03") == 1
    assert receiver.number("delivery_duration_seconds_bucket", provider="things", le="0.05") == 2
    assert receiver.number("delivery_duration_seconds_sum", provider="things") == pytest.approx(0.061)
    assert receiver.number("accepted_records_total", **at) == 5


def test_checks_and_refusals_are_no_deliveries(receiver: ReceiverNumbers) -> None:
    """Each request is counted once, under one of three names; only a delivery moves the time of the last one."""
    receiver.metrics.checked("/things/brio")
    receiver.metrics.refused("things", "brio", "bad_signature")
    receiver.metrics.refused("elsewhere", "acme", "unknown_provider")
    assert receiver.number("checks_total", provider="things", tenant="brio") == 1
    assert receiver.number("refusals_total", provider="things", tenant="brio", reason="bad_signature") == 1
    assert receiver.number("refusals_total", provider="unknown", tenant="unknown", reason="unknown_provider") == 1
    assert receiver.total("deliveries_total", "last_delivery_timestamp_seconds") == 0


def test_what_must_hold_holds_over_a_random_story(receiver: ReceiverNumbers) -> None:
    """Accepted + drained = appended + spooled, and put = drained + waiting + set aside, as the page says."""
    dice = random.Random(11)
    held: Counter[str] = Counter()
    spool = shown(receiver.metrics)
    for _ in range(500):
        tenant = dice.choice(["acme", "brio"])
        records = dice.randrange(4)
        source = f"/things/{tenant}"
        if dice.random() < 0.4:
            receiver.metrics.spooled(source, records)
            held["put"] += records
        else:
            receiver.metrics.appended(source, Via.WEBHOOK, records)
        receiver.metrics.accepted(source, 0.01, records=records)
        if held["put"] > held["drained"] + held["aside"]:
            if dice.random() < 0.1:
                receiver.metrics.set_aside("refused")
                held["aside"] += 1
            else:
                receiver.metrics.appended(source, Via.WEBHOOK)
                receiver.metrics.drained()
                held["drained"] += 1
    spool.holds(
        waiting=held["put"] - held["drained"] - held["aside"],
        put=held["put"],
        drained=held["drained"],
        set_aside=held["aside"],
    )
    accepted = receiver.total("accepted_records_total")
    appended = receiver.total("raw_appended_total")
    assert accepted + receiver.total("drained_total") == appended + receiver.total("spooled_total")
    assert receiver.total("spool_put_total") == receiver.total(
        "spool_drained_total", "spool_records", "spool_set_aside_records"
    )
    assert receiver.total("spool_drained_total") == receiver.total("drained_total") > 0


def test_the_spool_is_shown_as_it_is_when_it_is_asked(receiver: ReceiverNumbers) -> None:
    """Its facts are read before each reading, and the age of its oldest record grows by itself."""
    spool = shown(receiver.metrics)
    spool.holds(waiting=3, set_aside=1, bytes=700, oldest=int(NOW * 1000) - 5_000, put=9, drained=5)
    assert receiver.number("spool_records") == 3
    assert receiver.number("spool_set_aside_records") == 1
    assert receiver.number("spool_bytes") == 700
    assert receiver.number("spool_limit_bytes") == 4096
    assert receiver.number("spool_put_total") == 9
    assert receiver.number("spool_drained_total") == 5
    assert receiver.number("spool_oldest_age_seconds") == 5
    receiver.now += 60
    assert receiver.number("spool_oldest_age_seconds") == 65
    spool.now = SpoolFacts(topics={}, set_aside=1, bytes=0, oldest=None, put=9, drained=8)
    assert receiver.number("spool_oldest_age_seconds") == 0
    assert receiver.number("spool_records") == 0


def test_a_damaged_spool_is_counted_with_what_was_salvaged(receiver: ReceiverNumbers) -> None:
    """Both begin at 0, so that the first one raises an alert."""
    spool = shown(receiver.metrics)
    spool.damage.times, spool.damage.salvaged = 1, 17
    assert receiver.number("spool_damaged_total") == 1
    assert receiver.number("spool_salvaged_total") == 17


def test_a_flood_of_invented_names_adds_no_series_without_bound() -> None:
    """Thousands of paths, tenants, reasons, sources and codes leave the registry as large as its caps allow."""
    dice = random.Random(5)
    registry = Registry("1")
    here = Partition(tenants(TABLE, "acme"))
    receiver, normalizer = ReceiverMetrics(registry, here.tenants), NormalizerMetrics(registry, here.tenants)

    def word() -> str:
        return "".join(dice.choices(string.printable + "äß\u2028\udcff", k=dice.randint(0, 200)))

    before = read(registry.render())
    for _ in range(3_000):
        receiver.refused(word(), word(), word())
        receiver.refused("things", "acme", word())
        receiver.refused("things", word(), "unknown_tenant")
        receiver.checked(f"/{word()}/{word()}")
        receiver.accepted(f"/{word()}/{word()}", 0.1)
        receiver.appended(f"/{word()}/{word()}", Via.WEBHOOK)
        receiver.spooled(word())
        receiver.set_aside(word())
        commit = here.hear(FAKE, thing("a", 1, "x"))
        commit.decisions[:] = [decision(provider=word(), tenant=word(), code=word(), word="unmapped")]
        normalizer.committed(3, commit, 0.1, 0)
    after = read(registry.render())
    added = [(name, labels) for name, labels in after if (name, labels) not in before]
    by_family = Counter(name for name, _ in added)
    assert max(by_family.values()) <= len({"unknown", "acme"}) * (MOST + 1), by_family
    assert len(added) < 1_000
    assert {dict(labels).get("tenant", "unknown") for _, labels in added} <= {"unknown", "acme"}


def test_what_is_not_configured_is_counted_as_unknown(receiver: ReceiverNumbers) -> None:
    """Whatever stands in a path, the labels say no more than that nobody knows it."""
    provider, tenant = UNKNOWN
    receiver.metrics.refused("things", 'a"\\\n', "unknown_tenant")
    assert receiver.number("refusals_total", provider=provider, tenant=tenant, reason="unknown_tenant") == 1


def test_every_reason_that_a_refusal_is_given_is_known() -> None:
    """A code in the source of the receiver or of a provider's webhook is in the list that stands at 0 at first."""
    home = Path(headrace.__file__).parent
    sources = [*home.glob("providers/*/webhook.py"), *home.glob("receiver/*.py")]
    codes: set[str] = set()
    for source in sources:
        for call in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _MAKERS:
                codes |= {_code(call.args[_MAKERS[call.func.id]])} - {""}
    assert len(codes) >= 5
    assert codes == {*REFUSALS, *REFUSALS_UNKNOWN}


_MAKERS = {"Problem": 0, "_refused": 1}
"""What makes the problem of a refusal, and which of its arguments is the code."""


def _code(argument: ast.expr) -> str:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""
