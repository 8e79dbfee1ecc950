"""Dashboards show what is exported: every metric and every label of a panel is defined."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.observe.alerts.visibility import RECORDINGS
from headrace.observe.metric_definitions import FAMILIES, Family
from tests.deploy.files import DEPLOY, document

BY_NAME = {family.name: family for family in FAMILIES}
BOARDS = {file.stem: json.loads(file.read_text("utf-8")) for file in (DEPLOY / "grafana/dashboards").glob("*.json")}
OF_PROMETHEUS = {"instance", "job", "le"}
OF_ALERTS = {"alertname", "alertstate", "severity"}
RECORDED = {recording.name for recording in RECORDINGS}
OF_THE_CLIENT = {"process_resident_memory_bytes"}
_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board: dict[str, Any]) -> Iterator[str]:
    """Yield what every panel and every variable asks Prometheus."""
    yield from (target["expr"] for panel in panels(board) for target in panel["targets"])
    yield from (variable["query"]["query"] for variable in board["templating"]["list"])


def family(name: str) -> Family:
    """Return a metric by the name of one of its series."""
    found = BY_NAME.get(name)
    if found is None:
        found = BY_NAME[_SUFFIX.sub("", name)]
        assert found.kind == "histogram", name
    return found


@pytest.mark.parametrize("name", BOARDS)
def test_every_metric_is_defined(name: str) -> None:
    """A panel that asks for a metric which nobody exports or records would stay empty for ever."""
    for expression in expressions(BOARDS[name]):
        names = set(re.findall(r"\b(?:headrace|process)[_:][\w:]+", expression))
        assert names or "ALERTS{" in expression, expression
        for metric in names - OF_THE_CLIENT - RECORDED:
            family(metric)


@pytest.mark.parametrize("name", BOARDS)
def test_every_label_is_one_of_its_metric(name: str) -> None:
    """Selections, sums and legends use the labels that the metrics of their expression have."""
    for panel in panels(BOARDS[name]):
        for target in panel["targets"]:
            expression = target["expr"]
            metrics = set(re.findall(r"\bheadrace_\w+", expression))
            known = OF_PROMETHEUS.union(*(family(metric).labels for metric in metrics))
            known |= OF_ALERTS if "ALERTS{" in expression else set()
            used = {label for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for label in group.split(", ")}
            used |= set(re.findall(r'(\w+)=~?"', expression)) | set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert used <= known, expression


@pytest.mark.parametrize("name", BOARDS)
def test_counters_are_shown_as_rates(name: str) -> None:
    """A counter is shown as what it grew by; what stands in the log or the spool may be shown as it is."""
    for expression in expressions(BOARDS[name]):
        for metric in re.findall(r"\bheadrace_\w+_total\b", expression):
            cumulative = metric == "headrace_records_total" or metric.startswith("headrace_spool_")
            grew = re.search(rf"(rate|increase)\({metric}\b", expression)
            assert cumulative or grew or expression.startswith("label_values("), expression


@pytest.mark.parametrize("name", BOARDS)
def test_it_can_be_laid_out(name: str) -> None:
    """Panels have numbers of their own, a sentence each, a place that no other takes, and a source that there is."""
    board = BOARDS[name]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    (source,) = document(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    for panel in panels(board):
        assert panel["description"]
        assert panel["datasource"]["uid"] == source["uid"]


def test_the_first_dashboard_goes_from_the_outside_in() -> None:
    """Its rows follow a delivery from the receiver to its event; before all of them stands what it is all for."""
    rows = [panel["title"] for panel in BOARDS["headrace"]["panels"] if panel["type"] == "row"]
    assert rows == ["Objective", "Receiver", "Feeds", "Flow", "Fates", "Latency", "Spool", "Health"]


def test_the_tenants_dashboard_shows_one_tenant() -> None:
    """Every series that it asks for is of the provider and the tenant that were chosen, and of nobody else."""
    one = re.compile(r'{provider="\$provider", tenant="\$tenant"[,}]')
    for expression in (target["expr"] for panel in panels(BOARDS["tenant"]) for target in panel["targets"]):
        assert len(re.findall(r"\bheadrace_\w+", expression)) == len(one.findall(expression)), expression
