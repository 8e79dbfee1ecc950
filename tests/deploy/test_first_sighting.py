"""What grew is seen from its first event on: alerts and panels, as Prometheus itself evaluates them."""

import json
import re
from itertools import chain
from pathlib import Path

import pytest

from headrace.observe.metric_definitions import FAMILIES
from headrace.observe.metrics_page import page
from tests.deploy.alert_file import RULES, fired, promtool
from tests.deploy.files import DEPLOY

BOARDS: dict[str, list[str]] = {
    file.stem: [
        target["expr"] for panel in json.loads(file.read_text("utf-8"))["panels"] for target in panel.get("targets", ())
    ]
    for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
}
"""What the panels of each dashboard ask Prometheus."""
CHOSEN = {"headrace": (".*", ".*"), "tenant": ("leadsquared", "acme")}
"""The provider and the tenant that are looked at."""
ALERTS = {name: rule["expr"] for name, rule in RULES.items()}
BY_TENANT = {each.name for each in FAMILIES if each.kind == "counter" and "tenant" in each.labels}
AT_THE_START = {"headrace_nudge_gaps_total"}
"""What a process may count before anybody scrapes it for the first time."""
CODES = {"HeadraceUnmappedCode": "headrace_unmapped_total", "HeadraceProvisionalCode": "headrace_provisional_total"}
_INCREASE = re.compile(r"increase\((\w+)({[^}]*})?\[(\w+)\]\)")


def whole(metric: str, selection: str, span: str) -> str:
    """Return what a counter grew by, with what a series that was born in the meantime has been born with."""
    series = f"{metric}{selection}"
    return f"max_over_time({series}[{span}]) unless {series} offset {span} or increase({series}[{span}])"


def series(metric: str, values: str, instance: str = "a", code: str = "203") -> dict[str, str]:
    """Write one series of a tenant's code, a value a minute."""
    labels = f'provider="leadsquared", tenant="acme", code="{code}", instance="{instance}"'
    return {"series": f"{metric}{{{labels}}}", "values": values}


def panel(board: str, metric: str) -> str:
    """Return what a dashboard asks of a metric, for the provider and the tenant that are looked at."""
    (found,) = (expression for expression in BOARDS[board] if metric in expression)
    provider, tenant = CHOSEN[board]
    return found.replace("$provider", provider).replace("$tenant", tenant)


@pytest.mark.parametrize("expression", [*chain(*BOARDS.values()), *ALERTS.values(), page()])
def test_no_growth_leaves_out_what_a_series_is_born_with(expression: str) -> None:
    """A series that appears with its first event has no increase yet: nowhere is it asked for alone."""
    for metric, selection, span in _INCREASE.findall(expression):
        if metric in BY_TENANT | AT_THE_START:
            assert whole(metric, selection, span) in expression


@pytest.mark.parametrize(("alert", "metric"), CODES.items())
def test_an_alert_fires_at_the_first_sighting_of_a_code(tmp_path: Path, alert: str, metric: str) -> None:
    """A code that was never there before is told within a minute, with its tenant, and for an hour."""
    sources = [
        series(metric, "_x70 1x200"),
        series(metric, "0x300", code="other"),
        series(metric, "4x300", code="150"),
    ]
    labels = {"provider": "leadsquared", "tenant": "acme", "code": "203"}
    fires = [fired(alert, labels)]
    tests = [
        {"eval_time": at, "alertname": alert, "exp_alerts": alerts}
        for at, alerts in {"69m": [], "70m": fires, "129m": fires, "131m": []}.items()
    ]
    promtool(tmp_path, [{"interval": "1m", "input_series": sources, "alert_rule_test": tests}])


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("metric", CODES.values())
def test_a_dashboard_counts_the_first_sighting_of_a_code(tmp_path: Path, metric: str, board: str) -> None:
    """One event of a new code is one, in two processes two, and a process that goes takes nothing with it."""
    sources = [
        series(metric, "_x80 1x200"),
        series(metric, "_x90 1x9 _x200", instance="b"),
        series(metric, "0x300", code="other"),
    ]
    labels = '{code="203"}' if board == "tenant" else '{provider="leadsquared", tenant="acme", code="203"}'
    tests = [
        {
            "expr": panel(board, metric),
            "eval_time": at,
            "exp_samples": [{"labels": labels, "value": value}] if value else [],
        }
        for at, value in {"79m": 0, "80m": 1, "95m": 2, "120m": 2, "145m": 1, "160m": 0}.items()
    ]
    promtool(tmp_path, [{"interval": "1m", "input_series": sources, "promql_expr_test": tests}])
