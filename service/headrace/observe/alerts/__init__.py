"""Alert and recording rules, made from what the metrics mean. `rules_file` writes deploy/prometheus/alerts.yml."""

from typing import Final

from headrace.observe.alerts import normalizer_alerts, poller_alerts, process_alerts, receiver_alerts, visibility
from headrace.observe.alerts.alert import Alert

ALERTS: Final[tuple[Alert, ...]] = (
    *process_alerts.ALERTS,
    *receiver_alerts.ALERTS,
    *poller_alerts.ALERTS,
    *normalizer_alerts.ALERTS,
)
"""All alerts but those of the objective, in the order of the chapters of METRICS.md."""

OBJECTIVE_ALERTS: Final[tuple[Alert, ...]] = visibility.ALERTS
