import ast
import random
import string
from collections import Counter
from pathlib import Path

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

import headrace
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.observe import metric_definitions as contract
from headrace.observe.registry import Registry
from headrace.receiver.metrics import REFUSALS, REFUSALS_UNKNOWN, SET_ASIDE, UNKNOWN, ReceiverMetrics, SpoolFacts
from headrace_events import Via
from tests.unit.fake_provider import TABLE, tenants, thing, toy
from tests.unit.partition import Partition
from tests.unit.test_normalizer_metrics import Numbers, decision, read

NOW = 1_760_000_000.0
MOST = 100
"""Values of one label from outside that are told apart."""


class Door:
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
def door() -> Door:
    return Door()


def facts(**given: int) -> SpoolFacts:
    """Tell of an empty spool, apart from what is given."""
    empty = SpoolFacts(usable=True, waiting=0, set_aside=0, bytes=0, limit=4096, oldest=None, put=0, drained=0)
    return structs.replace(empty, **given)


def test_every_family_of_the_contract_is_exported_with_its_labels(door: Door) -> None:
    """A receiver shows every family of its chapter at once, under exactly the labels of the contract."""
    families = {f.name: f for f in text_string_to_metric_families(door.registry.render().decode())}
    for family in (*contract.EVERYWHERE, *contract.APPENDING, *contract.RECEIVER):
        found = families.pop(family.name.removesuffix("_total"))
        assert found.type == family.kind
        assert found.documentation == family.help
        assert found.samples
        for sample in found.samples:
            assert set(sample.labels) - {"le"} == set(family.labels)
    assert not [name for name in families if name.startswith("headrace_")]


def test_every_known_label_set_stands_at_zero_from_the_start(door: Door) -> None:
    """Before the first request, each tenant has each number and each reason, and nothing has a value but the build."""
    numbers = door.numbers()
    for tenant in ("acme", "brio"):
        at = {"provider": "toy", "tenant": tenant}
        for name in (
            *("deliveries_total", "checks_total", "last_delivery_timestamp_seconds", "spooled_total"),
            *("accepted_records_total", "accepted_nudges_total"),
        ):
            assert numbers[f"headrace_{name}", frozenset(at.items())] == 0
        for reason in (*REFUSALS, "other"):
            assert door.number("refusals_total", **at, reason=reason) == 0
        for topic in ("raw", "nudges"):
            assert door.number(f"{topic}_appended_total", **at, via="webhook") == 0
    for reason in (*REFUSALS_UNKNOWN, "other"):
        assert door.number("refusals_total", provider="unknown", tenant="unknown", reason=reason) == 0
    for reason in (*SET_ASIDE, "other"):
        assert door.number("set_aside_total", reason=reason) == 0
    assert door.number("delivery_duration_seconds_bucket", provider="toy", le="0.03") == 0
    named = {name for (name, _), value in numbers.items() if name.startswith("headrace_") and value}
    assert named == {"headrace_build_info"}


def test_a_delivery_is_counted_timed_and_dated(door: Door) -> None:
    """What was acknowledged stands under its tenant: count, duration, time, and what it held."""
    door.metrics.accepted("toy", "acme", 0.03, records=4)
    door.now += 60
    door.metrics.accepted("toy", "acme", 0.031, records=1, nudges=2)
    at = {"provider": "toy", "tenant": "acme"}
    assert door.number("deliveries_total", **at) == 2
    assert door.number("last_delivery_timestamp_seconds", **at) == NOW + 60
    assert door.number("last_delivery_timestamp_seconds", provider="toy", tenant="brio") == 0
    assert door.number("delivery_duration_seconds_bucket", provider="toy", le="0.03") == 1
    assert door.number("delivery_duration_seconds_bucket", provider="toy", le="0.05") == 2
    assert door.number("delivery_duration_seconds_sum", provider="toy") == pytest.approx(0.061)
    assert door.number("accepted_records_total", **at) == 5
    assert door.number("accepted_nudges_total", **at) == 2


def test_checks_and_refusals_are_no_deliveries(door: Door) -> None:
    """Each request is counted once, under one of three names; only a delivery moves the time of the last one."""
    door.metrics.checked("toy", "brio")
    door.metrics.refused("toy", "brio", "bad_signature")
    door.metrics.refused("elsewhere", "acme", "unknown_provider")
    assert door.number("checks_total", provider="toy", tenant="brio") == 1
    assert door.number("refusals_total", provider="toy", tenant="brio", reason="bad_signature") == 1
    assert door.number("refusals_total", provider="unknown", tenant="unknown", reason="unknown_provider") == 1
    assert door.total("deliveries_total", "last_delivery_timestamp_seconds") == 0


def test_what_must_hold_holds_over_a_random_story(door: Door) -> None:
    """Accepted + drained = appended + spooled, and put = drained + waiting + set aside, as the page says."""
    dice = random.Random(11)
    held: Counter[str] = Counter()
    door.metrics.read_spool(
        lambda: facts(
            waiting=held["put"] - held["drained"] - held["aside"],
            put=held["put"],
            drained=held["drained"],
            set_aside=held["aside"],
        )
    )
    for _ in range(500):
        tenant = dice.choice(["acme", "brio"])
        records, nudges = dice.randrange(4), dice.randrange(3)
        source = f"/toy/{tenant}"
        if dice.random() < 0.4:
            door.metrics.spooled(source, records + nudges)
            held["put"] += records + nudges
        else:
            door.metrics.appended("raw", source, Via.WEBHOOK, records)
            door.metrics.appended("nudges", source, Via.WEBHOOK, nudges)
        door.metrics.accepted("toy", tenant, 0.01, records=records, nudges=nudges)
        if held["put"] > held["drained"] + held["aside"]:
            if dice.random() < 0.1:
                door.metrics.set_aside("refused")
                held["aside"] += 1
            else:
                door.metrics.appended("raw", source, Via.WEBHOOK)
                door.metrics.drained()
                held["drained"] += 1
    accepted = door.total("accepted_records_total", "accepted_nudges_total")
    appended = door.total("raw_appended_total", "nudges_appended_total")
    assert accepted + door.total("drained_total") == appended + door.total("spooled_total")
    assert door.total("spool_put_total") == door.total(
        "spool_drained_total", "spool_records", "spool_set_aside_records"
    )
    assert door.total("spool_drained_total") == door.total("drained_total") > 0


def test_the_spool_is_shown_as_it_is_when_it_is_asked(door: Door) -> None:
    """Its facts are read before each reading, and the age of its oldest record grows by itself."""
    told = [facts(waiting=3, set_aside=1, bytes=700, oldest=int(NOW * 1000) - 5_000, put=9, drained=5)]
    door.metrics.read_spool(lambda: told[-1])
    assert door.number("spool_records") == 3
    assert door.number("spool_set_aside_records") == 1
    assert door.number("spool_bytes") == 700
    assert door.number("spool_limit_bytes") == 4096
    assert door.number("spool_put_total") == 9
    assert door.number("spool_drained_total") == 5
    assert door.number("spool_oldest_age_seconds") == 5
    door.now += 60
    assert door.number("spool_oldest_age_seconds") == 65
    told.append(facts(put=9, drained=8))
    assert door.number("spool_oldest_age_seconds") == 0
    assert door.number("spool_records") == 0


def test_a_damaged_spool_is_counted_with_what_was_salvaged(door: Door) -> None:
    """Both begin at 0, so that the first one raises an alert."""
    door.metrics.damaged()
    door.metrics.salvaged(17)
    assert door.number("spool_damaged_total") == 1
    assert door.number("spool_salvaged_total") == 17


def test_a_flood_of_invented_names_adds_no_series_without_bound() -> None:
    """Thousands of paths, tenants, reasons, sources and codes leave the registry as large as its caps allow."""
    dice = random.Random(5)
    registry = Registry("1")
    here = Partition(tenants(TABLE, "acme"))
    door, normalizer = ReceiverMetrics(registry, here.tenants), NormalizerMetrics(registry, here.tenants)

    def word() -> str:
        return "".join(dice.choices(string.printable + "äß\u2028\udcff", k=dice.randint(0, 200)))

    before = read(registry.render())
    for _ in range(3_000):
        door.refused(word(), word(), word())
        door.refused("toy", "acme", word())
        door.refused("toy", word(), "unknown_tenant")
        door.checked(word(), word())
        door.accepted(word(), word(), 0.1)
        door.appended("raw", f"/{word()}/{word()}", Via.WEBHOOK)
        door.spooled(word())
        door.set_aside(word())
        commit = here.hear(toy, thing("a", 1, "x"))
        commit.decisions[:] = [decision(source=word(), code=word(), type="unmapped")]
        normalizer.committed(3, commit, 0.1, 0)
    after = read(registry.render())
    added = [(name, labels) for name, labels in after if (name, labels) not in before]
    by_family = Counter(name for name, _ in added)
    assert max(by_family.values()) <= len({"unknown", "acme"}) * (MOST + 1), by_family
    assert len(added) < 1_000
    assert {dict(labels).get("tenant", "unknown") for _, labels in added} <= {"unknown", "acme"}


def test_what_is_not_configured_is_counted_as_unknown(door: Door) -> None:
    """Whatever stands in a path, the labels say no more than that nobody knows it."""
    provider, tenant = UNKNOWN
    door.metrics.refused("toy", 'a"\\\n', "unknown_tenant")
    assert door.number("refusals_total", provider=provider, tenant=tenant, reason="unknown_tenant") == 1


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
