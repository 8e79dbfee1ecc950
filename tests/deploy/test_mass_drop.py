"""A mass of leads that would be dropped is an alarm, as Prometheus itself evaluates it."""

from pathlib import Path
from typing import Any

from headrace.observe.metric_definitions import FAMILIES
from tests.deploy.alert_file import fired, promtool

ALERT = "HeadraceMassDrop"
METRIC = "headrace_leads_held_back"


def test_held_back_leads_alarm_for_as_long_as_there_are_any(tmp_path: Path) -> None:
    """Once for the tenant, with their number, whichever process polls it; leads that are dropped one by one do not."""
    assert METRIC in {family.name for family in FAMILIES}
    labels = {"provider": "leadsquared", "tenant": "acme"}
    sources = [
        _series(METRIC, "acme", "a", "0x9 40x20 _x99"),
        _series(METRIC, "acme", "b", "_x29 40x20 0x99"),
        _series(METRIC, "other", "a", "0x200"),
        _series("headrace_leads_gone_total", "other", "a", "0+1x200"),
    ]
    fires = [fired(ALERT, labels, "40")]
    tests: list[dict[str, Any]] = [
        {"eval_time": at, "alertname": ALERT, "exp_alerts": alerts}
        for at, alerts in {"9m": [], "10m": fires, "49m": fires, "57m": []}.items()
    ]
    promtool(tmp_path, [{"interval": "1m", "input_series": sources, "alert_rule_test": tests}])


def _series(metric: str, tenant: str, instance: str, values: str) -> dict[str, str]:
    labels = f'provider="leadsquared", tenant="{tenant}", instance="{instance}"'
    return {"series": f"{metric}{{{labels}}}", "values": values}
