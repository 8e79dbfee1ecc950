"""Alerts are made from what the metrics mean, fire when they should, and lead to an entry of the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest

from headrace.observe.alerts import ALERTS, OBJECTIVE_ALERTS
from headrace.observe.alerts.rules_file import anchor, rules
from headrace.observe.alerts.visibility import RECORDINGS
from headrace.observe.invariants import INVARIANTS
from headrace.observe.metric_definitions import END_TO_END_EDGES, FAMILIES, VISIBLE_WITHIN, Family
from tests.deploy.alert_cases import CASES, OBJECTIVE
from tests.deploy.alert_file import FILE, fired, promtool

BY_NAME = {family.name: family for family in FAMILIES}
EVERY_ALERT = {alert.name: alert for alert in (*ALERTS, *OBJECTIVE_ALERTS)}
OF_PROMETHEUS = {"instance", "job"}
OF_THE_CLIENT = {"process_start_time_seconds"}


def metrics_of(expression: str) -> set[Family]:
    """Return the metrics that an expression asks for; each must be one that is exported."""
    names = set(re.findall(r"\b(?:headrace|process)_\w+", expression)) - OF_THE_CLIENT
    return {BY_NAME[name] for name in names}


def test_the_file_is_made_from_the_rules() -> None:
    """alerts.yml is not edited by hand: `make schemas` writes it."""
    assert FILE.read_text("utf-8") == rules()


def test_an_operator_says_where_the_runbook_is_read() -> None:
    """Each alert leads to its own entry there; nothing else differs."""
    text = rules("https://wiki.example.com/RUNBOOK")
    for name in EVERY_ALERT:
        assert f"runbook_url: 'https://wiki.example.com/RUNBOOK#{name.lower()}'\n" in text
    assert text.replace("https://wiki.example.com/RUNBOOK", "deploy/RUNBOOK.md").replace(
        "deploy/RUNBOOK.md#", "#"
    ) == rules().replace("deploy/RUNBOOK.md#", "#")


@pytest.mark.parametrize("name", EVERY_ALERT)
def test_an_alert_asks_for_what_is_exported(name: str) -> None:
    """It names no metric or label that nobody exports; its texts say what is wrong and what to do."""
    alert = EVERY_ALERT[name]
    known = OF_PROMETHEUS.union(*(family.labels for family in metrics_of(alert.expr)))
    texts = f"{alert.summary} {alert.description}"
    grouped = {label for names in re.findall(r"(?:by|on) \(([^)]*)\)", alert.expr) for label in names.split(", ")}
    assert (grouped - {""}) | set(re.findall(r"{{ \$labels\.(\w+) }}", texts)) <= known
    assert not set(re.sub(r"{{ [^{}]+ }}", "", texts)) & set("{}"), "stray braces"
    assert alert.description.endswith(".")
    assert not alert.summary.endswith(".")


def test_recording_rules_ask_for_what_is_exported() -> None:
    """What alerts ask of recorded series is recorded."""
    recorded = {one.name for one in RECORDINGS}
    assert all(metrics_of(one.expr) for one in RECORDINGS)
    asked_for = {name for alert in EVERY_ALERT.values() for name in re.findall(r"headrace:\w+:\w+", alert.expr)}
    assert asked_for < recorded
    assert VISIBLE_WITHIN in END_TO_END_EDGES


def test_whatever_must_hold_has_an_alert() -> None:
    """Each sentence of METRICS.md names alerts that there are."""
    for one in INVARIANTS:
        assert one.alerts
        assert set(one.alerts) <= EVERY_ALERT.keys(), one.what
        assert metrics_of(one.expr)


def test_every_alert_has_both_cases() -> None:
    """One in which it fires, and one at least in which it just does not."""
    assert CASES.keys() == EVERY_ALERT.keys()
    assert all(case.quiet for case in CASES.values())


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_only_then(name: str, tmp_path: Path) -> None:
    """As Prometheus itself evaluates it: in a state that is trouble, and not in the nearest ones that are none."""
    case = CASES[name]
    alerts = [fired(name, case.labels, case.value)]
    tests: list[dict[str, Any]] = []
    for (series, at), expected in ((case.fires, alerts), *((quiet, []) for quiet in case.quiet)):
        sources = [{"series": one, "values": values} for one, values in series.items()]
        check = {"eval_time": at, "alertname": name, "exp_alerts": expected}
        title = f"it {'fires' if expected else 'is quiet'} at {at}"
        tests.append({"name": title, "interval": "1m", "input_series": sources, "alert_rule_test": [check]})
    promtool(tmp_path, tests, every="30m" if name in OBJECTIVE else "1m", alert=name)


def test_a_normalizer_that_never_was_is_missed_once(tmp_path: Path) -> None:
    """Where none ever showed a partition there is no job to name; where one did, its job alone is named."""
    name, seen = "HeadraceNormalizerGone", "headrace_position{job='west', partition='0'}"
    tests: list[dict[str, Any]] = []
    for series, labels in (({"up": "1x90"}, {}), ({seen: "5x60 _x30"}, {"job": "west"})):
        sources = [{"series": one, "values": values} for one, values in series.items()]
        alert = {"eval_time": "80m", "alertname": name, "exp_alerts": [fired(name, labels)]}
        tests.append({"interval": "1m", "input_series": sources, "alert_rule_test": [alert]})
    promtool(tmp_path, tests, alert=name)


def test_the_runbook_has_an_entry_for_each_alert_and_for_no_other() -> None:
    """With what it means, what to look at and what to type, at the anchor that the alert names."""
    text = (FILE.parents[1] / "RUNBOOK.md").read_text("utf-8")
    headings = re.findall(r"^### (Headrace\w+)$", text, re.MULTILINE)
    assert sorted(headings) == sorted(EVERY_ALERT)
    assert len({anchor(alert) for alert in EVERY_ALERT.values()}) == len(EVERY_ALERT)
    for entry in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        name, _, body = entry.partition("\n")
        if name in EVERY_ALERT:
            assert body.startswith(f"*{EVERY_ALERT[name].severity}.*"), name
            assert "```" in body or "`headrace" in body or "kubectl" in body, f"{name}: what to type"
