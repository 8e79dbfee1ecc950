"""Records that are held for long are an alarm, as Prometheus itself evaluates it."""

from pathlib import Path

from tests.deploy.alert_file import fired, promtool


def test_what_is_held_alarms_at_half_of_its_time(tmp_path: Path) -> None:
    """For the tenant, whichever process holds it, and long before its records become dead letters."""
    fires = [fired("HeadraceHeldForLong", {"provider": "leadping", "tenant": "acme"})]
    age = "headrace_held_oldest_age_seconds"
    sources = [
        {"series": 'headrace_held_limit_seconds{instance="a"}', "values": "7200x200"},
        {"series": 'headrace_held_limit_seconds{instance="b"}', "values": "7200x200"},
        {"series": f'{age}{{provider="leadping", tenant="acme", instance="a"}}', "values": "0+60x100 0x100"},
        {"series": f'{age}{{provider="leadping", tenant="other", instance="b"}}', "values": "3000x200"},
    ]
    tests = [
        {"eval_time": at, "alertname": "HeadraceHeldForLong", "exp_alerts": alerts}
        for at, alerts in {"60m": [], "72m": fires, "100m": fires, "110m": []}.items()
    ]
    promtool(tmp_path, [{"interval": "1m", "input_series": sources, "alert_rule_test": tests}])


def test_a_tenant_that_nobody_knows_alarms_after_an_hour(tmp_path: Path) -> None:
    """A new tenant's first deliveries may come before its configuration does; an hour later somebody forgot it."""
    held = 'headrace_held_records{provider="unknown", tenant="unknown", instance="a"}'
    fires = [fired("HeadraceUnknownTenantHeld", {"instance": "a"})]
    tests = [
        {"eval_time": at, "alertname": "HeadraceUnknownTenantHeld", "exp_alerts": alerts}
        for at, alerts in {"50m": [], "75m": fires, "110m": []}.items()
    ]
    sources = [{"series": held, "values": "0x5 7x90 0x20"}]
    promtool(tmp_path, [{"interval": "1m", "input_series": sources, "alert_rule_test": tests}])
