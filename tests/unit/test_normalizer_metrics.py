import ast
import inspect
import random
from collections import Counter
from types import ModuleType
from typing import Any

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from headrace.core import problems
from headrace.core.mapping import Row
from headrace.core.record import ProducerRecord
from headrace.normalizer import decide as deciding, decode as reading, metrics as metrics_module
from headrace.normalizer.commit import Decision, skip
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.metrics import FATES, REASONS, REASONS_UNKNOWN, UNKNOWN, NormalizerMetrics
from headrace.observe import metric_definitions as definitions, metrics_page as page
from headrace.observe.registry import Registry
from headrace.records.seen import TOTALS, Fate
from headrace_events import Via
from tests.fake_provider import FAKE, TABLE, tenants, thing
from tests.unit.partition import NOW, Partition

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]

COUNTED = {f"headrace_{name}_total" for name in ("fenced", "stale_ends", "producers_rebuilt", "commits")}
"""What stands at 0 for a partition from its assignment on."""


class Clock:
    """A clock that a test sets, in milliseconds."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now / 1000


class Watched:
    """Partition 3 of a normalizer for the tenants acme and brio, and what is exported of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.here = Partition(tenants(TABLE, "acme", "brio"))
        self.metrics = NormalizerMetrics(Registry("1.2.3"), self.here.tenants, self.clock)
        self.metrics.rebalanced(1)
        self.metrics.task_state(3, "created")
        self.metrics.task_restored(3, self.here.seen, 0.2)

    def hear(self, *raws: object, seconds: float = 0.01) -> None:
        commit = self.here.hear(FAKE, *raws)  # type: ignore[arg-type]  # raw events of the FAKE
        self.metrics.committed(3, commit, seconds, self.clock.now)

    def decided(self, decisions: list[Decision]) -> None:
        """Commit decisions that no record stands behind."""
        commit = skip(self.here.seen, self.here.seen.next_offset)
        commit.decisions.extend(decisions)
        self.metrics.committed(3, commit, 0.01, self.clock.now)

    def numbers(self) -> Numbers:
        return read(self.metrics.registry.render())

    def number(self, name: str, **labels: str) -> float | None:
        return self.numbers().get((f"headrace_{name}", frozenset(labels.items())))

    def total(self, name: str, **labels: str) -> float:
        """Sum over all label sets of a metric that have these labels."""
        wanted = labels.items()
        return sum(n for (found, has), n in self.numbers().items() if found == f"headrace_{name}" and wanted <= has)


def read(text: bytes) -> Numbers:
    """Parse an exposition as Prometheus does; no sample may be there twice."""
    samples = [s for family in text_string_to_metric_families(text.decode()) for s in family.samples]
    found = {(s.name, frozenset(s.labels.items())): s.value for s in samples}
    assert len(found) == len(samples)
    return found


def decision(
    fate: Fate = "published",
    *,
    word: str = "call.completed",
    code: str = "call",
    received: int = NOW - 20,
    **fields: Any,
) -> Decision:
    """Make a decision on a record of /things/acme that came by webhook 20 ms ago; `fields` are those of raw."""
    raw = structs.replace(thing(), **({"via": Via.WEBHOOK, "received": received} | fields))
    return Decision(0, fate, raw, Row(label="", type=word), "", code)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_the_page_is_made_from_the_definitions() -> None:
    """METRICS.md is not edited by hand: `python -m headrace.observe.metrics_page` writes it."""
    assert page.PAGE.read_text("utf-8") == page.page()


def test_the_definitions_keep_their_own_rules() -> None:
    """Names are unique, prefixed, in base units, and a counter ends in _total, as nothing else does."""
    names = [family.name for family in definitions.FAMILIES]
    assert len(set(names)) == len(names)
    for family in definitions.FAMILIES:
        assert family.name.startswith("headrace_")
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert (family.kind == "histogram") == bool(family.edges)
        assert list(family.edges) == sorted(set(family.edges))
        assert family.name.endswith("_seconds") == (family.unit == "seconds")
        assert family.help.endswith(".")
        assert "\n" not in family.help


def test_the_promised_latencies_are_edges() -> None:
    """30 ms and 150 ms can be read off without interpolation."""
    assert {0.03, 0.15} <= set(definitions.END_TO_END_EDGES)
    assert {0.03, 0.15} <= set(definitions.COMMIT_EDGES) & set(definitions.DELIVERY_EDGES)


def test_every_defined_family_is_exported_with_its_labels(watched: Watched) -> None:
    """A normalizer that owns a partition shows every family at once, under exactly the labels that are defined."""
    watched.hear(thing("a", 1, "x"))
    families = {f.name: f for f in text_string_to_metric_families(watched.metrics.registry.render().decode())}
    for family in (*definitions.EVERYWHERE, *definitions.TASKS, *definitions.NORMALIZER):
        found = families[family.name.removesuffix("_total")]
        assert found.type == family.kind
        assert found.documentation == family.help
        assert found.samples
        for sample in found.samples:
            assert set(sample.labels) - {"le"} == set(family.labels)


def test_the_process_is_shown_beside_our_own(watched: Watched) -> None:
    """Memory, CPU and start time come from the client library."""
    assert any(name == "process_resident_memory_bytes" for name, _ in watched.numbers())


def test_the_build_is_shown(watched: Watched) -> None:
    """The version that runs can be read off."""
    assert watched.total("build_info", version="1.2.3") == 1


def test_every_known_label_set_stands_at_zero_from_the_start() -> None:
    """Before anything happened, each tenant has each fate and reason, and each via its histogram."""
    numbers = read(NormalizerMetrics(Registry("1"), tenants(TABLE, "acme", "brio")).registry.render())

    def at_zero(name: str, **labels: str) -> bool:
        return numbers[f"headrace_{name}", frozenset(labels.items())] == 0

    for tenant in ("acme", "brio"):
        assert all(
            at_zero("decided_total", provider="things", tenant=tenant, via=via, fate=fate)
            for via in Via
            for fate in FATES
        )
        assert all(
            at_zero("dead_letters_total", provider="things", tenant=tenant, reason=reason)
            for reason in (*REASONS, "other")
        )
        assert at_zero("unmapped_total", provider="things", tenant=tenant, code="other")
        assert at_zero("provisional_total", provider="things", tenant=tenant, code="other")
    assert all(
        at_zero("dead_letters_total", provider="unknown", tenant="unknown", reason=reason) for reason in REASONS_UNKNOWN
    )
    assert all(at_zero("end_to_end_seconds_bucket", via=via, le="0.03") for via in Via)
    for name in ("tasks_owned", "rebalances_total", "producers_stuck_total", "commit_duration_seconds_count"):
        assert at_zero(name, role="normalizer")
    assert all(at_zero("tasks", role="normalizer", state=state) for state in ("created", "fencing", "closed"))


def test_an_assigned_partition_counts_from_zero_but_shows_totals_only_when_restored() -> None:
    """Totals that would begin at 0 and jump to what the log says would look like new records."""
    metrics = NormalizerMetrics(Registry("1"), tenants())
    metrics.task_state(7, "fencing")
    names = {name for name, labels in read(metrics.registry.render()) if ("partition", "7") in labels}
    assert names == COUNTED
    seen = Seen()
    seen.next_offset, seen.totals = 55, (50, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    metrics.task_restored(7, seen, 1.5)
    numbers = read(metrics.registry.render())
    assert numbers["headrace_records_total", frozenset({("partition", "7"), ("fate", "published")})] == 50
    assert numbers["headrace_position", frozenset({("partition", "7")})] == 55


def test_promise_4_every_raw_record_is_found_in_the_totals(watched: Watched) -> None:
    """Position = sum of totals and end offset - position = in flight, in the exported numbers, whatever happens."""
    rng = random.Random(7)
    shapes, doing = ("row", "hook", "fact", "detail"), ("", "", "", "mirror", "noop", "bad", "break")
    for _ in range(15):
        watched.hear(
            *(
                thing(
                    str(rng.randrange(12)),
                    rng.randrange(4),
                    rng.choice("xyz"),
                    shape=rng.choice(shapes),
                    do=rng.choice(doing),
                    tenant=rng.choice(["acme", "brio", "nobody"]),
                )
                for _ in range(rng.randrange(1, 20))
            )
        )
        position = watched.here.seen.next_offset
        watched.metrics.end_offset(3, position + 4, NOW)
        assert watched.total("records_total", partition="3") == position == watched.number("position", partition="3")
        assert watched.number("end_offset", partition="3") == position + 4
        assert watched.number("lag_records", partition="3") == 4
    fates = Counter(watched.here.fates)
    assert set(fates) >= {"published", "duplicate", "unchanged", "stale", "mirror", "noop", "dead", "held"}
    for fate in TOTALS:
        assert watched.number("records_total", partition="3", fate=fate) == fates[fate]
        assert watched.total("decided_total", fate=fate) == fates[fate]
    assert watched.total("published_total") == fates["published"] == len(watched.here.events)
    assert watched.total("dead_letters_total") == fates["dead"] == len(watched.here.letters)
    assert watched.number("seen_ids", partition="3") == len(watched.here.seen.marks) > 12


def test_what_retention_took_is_in_the_totals_too(watched: Watched) -> None:
    """Lost records move the position and are counted as lost."""
    watched.here.seen.next_offset, watched.here.seen.totals = 9, skip(watched.here.seen, 9).totals
    assert watched.number("records_total", partition="3", fate="lost") == 9 == watched.number("position", partition="3")


def test_what_is_published_is_counted_by_provider_tenant_and_type(watched: Watched) -> None:
    """Each published event counts for its tenant, under its type; a copy counts as a duplicate."""
    watched.hear(thing("a", 1, "x"), thing("b", 1, "x", tenant="brio", via=Via.WEBHOOK), thing("a", 1, "x"))
    assert watched.number("published_total", provider="things", tenant="acme", type="call.completed") == 1
    assert watched.number("published_total", provider="things", tenant="brio", type="call.completed") == 1
    assert watched.number("decided_total", provider="things", tenant="acme", via="poll", fate="duplicate") == 1
    assert watched.number("decided_total", provider="things", tenant="brio", via="webhook", fate="published") == 1


def test_promise_4_unmapped_and_provisional_codes_are_listed(watched: Watched) -> None:
    """A published code without a row, and one that only a provisional row met, are counted by tenant and name."""
    watched.hear(thing("a", 1, "x", code="350"), thing("b", 1, "x", code="150"), thing("c", 1, "x", code="150"))
    watched.hear(thing("c", 1, "x", code="150"))
    watched.hear(thing("d", 1, "x", code="150", tenant="brio"))
    assert watched.number("unmapped_total", provider="things", tenant="acme", code="350") == 1
    assert watched.number("provisional_total", provider="things", tenant="acme", code="150") == 2
    assert watched.number("provisional_total", provider="things", tenant="brio", code="150") == 1
    assert watched.total("unmapped_total") == 1
    assert watched.total("provisional_total") == 3


def test_codes_from_outside_cannot_flood_the_metrics(watched: Watched) -> None:
    """Beyond a hundred codes of a tenant, new ones are counted as its others; those known keep series of their own."""
    codes = [f"c{number}" for number in range(150)]
    watched.decided([decision(word="unmapped", code=code) for code in (*codes, "c5", "c140", "")])
    watched.decided([decision(tenant="brio", word="unmapped", code="c140")])
    shown = {
        (has["tenant"], has["code"]): n
        for (name, labels), n in watched.numbers().items()
        if "unmapped" in name and (has := dict(labels))
    }
    assert len(shown) == 101 + 2
    assert shown["acme", "c5"] == 2
    assert shown["acme", "other"] == 50 + 1 + 1
    assert shown["brio", "c140"] == 1
    assert sum(shown.values()) == 154


def test_a_long_or_odd_code_is_shown_in_one_valid_line(watched: Watched) -> None:
    """Codes are cut to 64 characters; line ends and half characters are escaped, and quotes do no harm."""
    odd = 'say "hi"\nto \\ everyone'
    watched.decided([decision(word="unmapped", code=code) for code in (odd, "x" * 500, "x" * 501, "half \ud800")])
    assert watched.number("unmapped_total", provider="things", tenant="acme", code='say "hi"\\nto \\ everyone') == 1
    assert watched.number("unmapped_total", provider="things", tenant="acme", code="x" * 64) == 2
    assert watched.number("unmapped_total", provider="things", tenant="acme", code="half \\ud800") == 1


def test_dead_letters_are_counted_by_reason(watched: Watched) -> None:
    """The reason is the code of the problem; a copy of a dead letter's bytes makes no second one."""
    bad = thing("a", 1, "x", do="bad")
    watched.hear(bad, thing("b", 1, "x", do="break", tenant="brio"), thing("c", 1, tenant="No Body"))
    watched.hear(bad)
    watched.metrics.committed(3, watched.here.take(ProducerRecord(b"k" * 16, b"?", [])), 0.01, NOW)
    assert watched.number("dead_letters_total", provider="things", tenant="acme", reason="bad_value") == 1
    assert watched.number("dead_letters_total", provider="things", tenant="brio", reason="internal") == 1
    provider, tenant = UNKNOWN
    assert watched.number("dead_letters_total", provider=provider, tenant=tenant, reason="unknown_tenant") == 1
    assert watched.number("dead_letters_total", provider=provider, tenant=tenant, reason="foreign") == 1
    assert watched.total("dead_letters_total") == 4


def test_what_is_held_is_shown_by_tenant_until_it_is_back(watched: Watched) -> None:
    """Number and age of the oldest; a tenant that is not known has the labels of the unknown, and the log names it."""
    watched.hear(thing("a", tenant="new"), thing("b", tenant="newer"), thing("c", tenant="newer"))
    provider, tenant = UNKNOWN
    assert watched.number("held_records", provider=provider, tenant=tenant) == 3
    assert watched.number("held_records", provider="things", tenant="acme") == 0
    assert watched.number("held_oldest_age_seconds", provider=provider, tenant=tenant) == 0
    with capture_logs() as logged:
        for _ in range(2):
            watched.metrics.held.log(watched.metrics.owned_held())
        watched.here.seen.held.clear()
        watched.metrics.held.log(watched.metrics.owned_held())
    assert [(line["event"], line["source"], line.get("records")) for line in logged] == [
        ("records_held", "/things/new", 1),
        ("records_held", "/things/newer", 2),
        ("held_over", "/things/new", None),
        ("held_over", "/things/newer", None),
    ]
    assert watched.number("held_records", provider=provider, tenant=tenant) == 0


@pytest.mark.parametrize("module", [problems, reading, deciding])
def test_every_reason_that_the_core_gives_is_known(module: ModuleType) -> None:
    """A problem's code in the source of the core is in the list of those that stand at 0 from the start."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    made = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Problem"]
    codes = {code.value for code in made if isinstance(code, ast.Constant)}
    assert len(codes) >= 2
    assert codes <= {*REASONS, *REASONS_UNKNOWN}


def test_end_to_end_counts_each_published_record_below_its_edges(watched: Watched) -> None:
    """The histogram says for each edge how many waited no longer, as counting one by one would."""
    rng = random.Random(3)
    waits = [*(rng.randrange(0, 400) for _ in range(300)), 30, 150, 31, 151, 90_000_000]
    watched.decided([decision(received=NOW - wait) for wait in waits[:100]])
    watched.decided([decision(received=NOW - wait) for wait in waits[100:]])
    watched.decided([decision("duplicate"), decision(via=Via.POLL, received=NOW - 5)])
    for edge in definitions.END_TO_END_EDGES:
        below = sum(wait <= edge * 1000 for wait in waits)
        assert watched.number("end_to_end_seconds_bucket", via="webhook", le=str(edge)) == below
    assert watched.number("end_to_end_seconds_bucket", via="webhook", le="+Inf") == len(waits)
    assert watched.number("end_to_end_seconds_count", via="webhook") == len(waits)
    assert watched.number("end_to_end_seconds_sum", via="webhook") == pytest.approx(sum(waits) / 1000)
    assert watched.number("end_to_end_seconds_count", via="poll") == 1


def test_webhooks_are_in_time_or_late_when_they_come_for_the_first_time(watched: Watched) -> None:
    """What comes back to raw says when it was received at first, and so nothing about how long it took."""
    watched.decided([decision(received=NOW - wait) for wait in (0, 150, 151, 4_000)])
    assert watched.number("webhooks_published_total", visible="in_time") == 2
    assert watched.number("webhooks_published_total", visible="late") == 2
    again: list[dict[str, Any]] = [{"as_told": True}, {"held": "0@1"}, {"redriven": True}, {"replay": "m"}]
    watched.decided([decision(received=NOW - 9_000, **one) for one in again])
    watched.decided([decision("duplicate"), decision("nudged"), decision(via=Via.POLL), decision(via=Via.INGEST)])
    assert watched.number("webhooks_published_total", visible="in_time") == 2
    assert watched.number("webhooks_published_total", visible="late") == 2


def test_a_clock_that_runs_ahead_elsewhere_never_gives_a_negative_wait(watched: Watched) -> None:
    """A time of receipt in the future counts as no wait at all."""
    watched.decided([decision(received=NOW + 7_000), decision(received=NOW - 1_000)])
    assert watched.number("end_to_end_seconds_sum", via="webhook") == pytest.approx(1.0)
    assert watched.number("end_to_end_seconds_bucket", via="webhook", le="0.005") == 1


def test_commits_and_restores_are_timed(watched: Watched) -> None:
    """Commit and restore durations stand in their histograms, commits beside them."""
    watched.hear(thing("a", 1, "x"), seconds=0.03)
    watched.hear(thing("a", 2, "x"), seconds=0.031)
    assert watched.number("commits_total", role="normalizer", partition="3") == 2
    assert watched.number("commit_duration_seconds_bucket", role="normalizer", le="0.03") == 1
    assert watched.number("commit_duration_seconds_bucket", role="normalizer", le="0.05") == 2
    assert watched.number("commit_duration_seconds_sum", role="normalizer") == pytest.approx(0.061)
    assert watched.number("restore_duration_seconds_bucket", role="normalizer", le="0.1") == 0
    assert watched.number("restore_duration_seconds_bucket", role="normalizer", le="0.25") == 1


def test_a_commit_without_decisions_counts_as_one(watched: Watched) -> None:
    """Writing the position again is a commit."""
    watched.decided([])
    assert watched.number("commits_total", role="normalizer", partition="3") == 1


def test_tasks_are_counted_by_state(watched: Watched) -> None:
    """Each task stands in one state."""
    watched.metrics.task_state(3, "running")
    watched.metrics.task_state(4, "fencing")
    assert watched.number("tasks", role="normalizer", state="running") == 1
    assert watched.number("tasks", role="normalizer", state="fencing") == 1
    assert watched.total("tasks") == 2


def test_what_goes_wrong_around_producers_is_counted(watched: Watched) -> None:
    """Fenced tasks, rebuilt producers with the reason, and stuck ones."""
    watched.metrics.task_fenced(3)
    watched.metrics.producer_rebuilt(3, "doubtful")
    watched.metrics.producer_rebuilt(3, "KafkaTimeoutError")
    watched.metrics.producer_stuck()
    assert watched.number("fenced_total", role="normalizer", partition="3") == 1
    for reason in ("doubtful", "KafkaTimeoutError"):
        assert watched.number("producers_rebuilt_total", role="normalizer", partition="3", reason=reason) == 1
    assert watched.number("producers_stuck_total", role="normalizer") == 1


def test_a_partition_that_moved_away_is_shown_no_more(watched: Watched) -> None:
    """Its position and totals are shown by its new owner; what this process counted stays."""
    watched.hear(thing("a", 1, "x"))
    watched.metrics.task_state(3, "closed")
    watched.metrics.forget(3)
    watched.metrics.task_state(3, "closed")
    watched.metrics.forget(3)
    shown = {name for name, labels in watched.numbers() if ("partition", "3") in labels}
    assert shown == COUNTED
    assert watched.number("commits_total", role="normalizer", partition="3") == 1
    assert watched.total("tasks") == 0 == watched.number("tasks_owned", role="normalizer")
    watched.metrics.rebalanced(2)
    assert watched.number("tasks_owned", role="normalizer") == 2
    assert watched.number("rebalances_total", role="normalizer") == 2


def age(watched: Watched) -> float | None:
    return watched.number("oldest_unprocessed_age_seconds", partition="3")


def test_the_oldest_unprocessed_record_ages_until_it_has_a_fate(watched: Watched) -> None:
    """The age grows by itself while a task stands still, and is 0 when all records have a fate."""
    assert age(watched) == 0
    watched.metrics.end_offset(3, 2, NOW - 500)
    assert age(watched) == 0.5
    watched.clock.now += 60_000
    assert age(watched) == 60.5
    watched.hear(thing("a", 1, "x"), thing("b", 1, "x"))
    assert age(watched) == 0


def test_a_lag_whose_records_cannot_be_fetched_ages_too(watched: Watched) -> None:
    """Where nobody has seen the oldest record, its age counts from the first news of it."""
    watched.metrics.end_offset(3, 0, None)
    watched.clock.now += 5_000
    watched.metrics.end_offset(3, 1, None)
    watched.clock.now += 10_000
    watched.metrics.end_offset(3, 4, None)
    assert age(watched) == 10
    watched.hear(thing("a", 1, "x"))
    watched.metrics.end_offset(3, 4, None)
    assert age(watched) == 0
    watched.clock.now += 1_000
    assert age(watched) == 1


def test_an_old_end_offset_is_never_shown_below_the_position(watched: Watched) -> None:
    """What was committed since the end was heard of moves it: nothing is ever less than zero in flight."""
    watched.metrics.end_offset(3, 1, NOW)
    watched.hear(thing("a", 1, "x"), thing("b", 1, "x"))
    assert watched.number("end_offset", partition="3") == 2
    assert watched.number("lag_records", partition="3") == 0


def test_the_key_of_the_sum_names_fields_of_a_decision() -> None:
    """What a commit is summed up by exists."""
    assert metrics_module._key(decision()) == ("published", "things", "acme", "webhook", "call.completed", False)


def test_it_shows_which_tenants_leave_webhooks_to_a_poller() -> None:
    """Without a poller of theirs, what these tenants are told would wait for nobody: the page says how that shows."""
    registry = Registry("1.2.3")
    polled, paused = tenants(TABLE, "acme", polling=True), tenants(TABLE, "rests", polling=True)
    for account in paused:
        account.settings.paused = True
    NormalizerMetrics(registry, [*polled, *paused, *tenants(TABLE, "brio")])
    numbers = read(registry.render())
    shown = {dict(labels)["tenant"]: n for (name, labels), n in numbers.items() if name.endswith("polling_configured")}
    assert shown == {"acme": 1, "rests": 0, "brio": 0}
