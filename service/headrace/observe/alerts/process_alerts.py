"""Alerts of every process: Kafka, the configuration, restarts."""

from typing import Final

from headrace.observe.alerts.alert import Alert, grew

_SPANS: Final = 'headrace_spans_dropped_total{reason!="stopped"}'

ALERTS: Final = (
    Alert(
        name="HeadraceKafkaAway",
        expr="headrace_kafka_up == 0",
        lasts="2m",
        severity="critical",
        summary="Kafka does not answer the {{ $labels.role }} on {{ $labels.instance }}",
        description=(
            "Webhooks wait in the spool, and nothing is published. Processes go on by themselves once it answers."
        ),
    ),
    Alert(
        name="HeadraceRestartLoop",
        expr="changes(process_start_time_seconds[30m]) > 2 and on (instance) headrace_build_info",
        severity="critical",
        summary="{{ $labels.instance }} has been started again {{ $value }} times within half an hour",
        description="The last lines of the log before each start say why: `refused_to_run`, or a traceback.",
    ),
    Alert(
        name="HeadraceProcessDown",
        expr="avg_over_time(up[15m]) < 0.5 and on (job) last_over_time(headrace_build_info[1d])",
        lasts="10m",
        severity="warning",
        summary="{{ $labels.instance }} shows its metrics less than half of the time",
        description=(
            "What ends as it starts is hardly ever there to be scraped: `refused_to_run` in its log says why. "
            "The others of its job do its work meanwhile."
        ),
    ),
    Alert(
        name="HeadraceConfigurationRefused",
        expr="headrace_configuration_refused > 0",
        lasts="1m",
        severity="warning",
        summary="The configuration of {{ $labels.instance }} is not what its files say",
        description=(
            "What was in force before stays. `headrace check`, the log and /healthz/ready say what is wrong, with file "
            "and line; once it is mended, it is taken over."
        ),
    ),
    Alert(
        name="HeadraceSecretUnread",
        expr="headrace_configuration_files_unread > 0",
        lasts="2m",
        severity="critical",
        summary="{{ $labels.instance }} cannot read {{ $value }} of the files that its configuration names",
        description=(
            "Secrets, certificates or overlays: what runs goes on with what it had, and no process starts any more. "
            "The log (configuration_refused) names the keys."
        ),
    ),
    Alert(
        name="HeadraceRestartNeeded",
        expr="headrace_configuration_restart_needed > 0",
        lasts="1h",
        severity="info",
        summary="{{ $labels.instance }} runs with other settings than its files have: it needs a restart",
        description=(
            "{{ $value }} keys cannot change while it runs: the log (restart_needed) and /healthz/ready name them."
        ),
    ),
    Alert(
        name="HeadraceSpansDropped",
        expr=f"sum by (instance, reason) ({grew(_SPANS, '15m')}) > 0",
        lasts="15m",
        severity="info",
        summary="Spans of {{ $labels.instance }} are dropped: {{ $labels.reason }}",
        description=(
            "Traces have holes, and nothing else is wrong. failed: the collector does not take them, or is not reached "
            "(its address, its headers, a NetworkPolicy). full: it is too slow, or [traces] ratio too large."
        ),
    ),
)
