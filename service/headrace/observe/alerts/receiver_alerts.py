"""Alerts of the receiver and its spool."""

from typing import Final

from headrace.observe.alerts.alert import BY_TENANT, Alert, gone, grew

_REFUSED: Final = 'headrace_refusals_total{tenant!="unknown"}'
_TURNED_AWAY: Final = 'headrace_refusals_total{tenant!="unknown", reason=~"busy|no_room|internal"}'

ALERTS: Final = (
    Alert(
        name="HeadraceReceiverGone",
        expr=gone("headrace_spool_usable"),
        lasts="5m",
        severity="critical",
        summary="No receiver shows its metrics",
        description=(
            "Platforms deliver webhooks to nobody. Most of them try again for a while; what polling brings comes."
        ),
    ),
    Alert(
        name="HeadraceWebhooksRefused",
        expr=(
            f"sum {BY_TENANT} ({grew(_REFUSED, '15m')}) > 10 and sum {BY_TENANT} ({grew(_REFUSED, '15m')}) > "
            f"0.1 * sum {BY_TENANT} ({grew('headrace_deliveries_total', '15m')})"
        ),
        lasts="10m",
        severity="warning",
        summary="More than one in ten webhooks of {{ $labels.provider }} {{ $labels.tenant }} is refused",
        description=(
            "`headrace_refusals_total` has the reasons: bad_signature or bad_secret mean another secret than the "
            "platform's, rate_limited means more than [receiver] rate."
        ),
    ),
    Alert(
        name="HeadraceDeliveriesTurnedAway",
        expr=f"sum by (instance, reason) ({grew(_TURNED_AWAY, '15m')}) > 10",
        severity="critical",
        summary="The receiver on {{ $labels.instance }} turns deliveries away: {{ $labels.reason }}",
        description=(
            "busy: bodies take all their memory. no_room: neither Kafka nor the spool takes them. internal: the log "
            "has it."
        ),
    ),
    Alert(
        name="HeadraceSpoolDoesNotAddUp",
        expr=(
            "headrace_spool_put_total != headrace_spool_drained_total + headrace_spool_records"
            " + headrace_spool_set_aside_records"
        ),
        lasts="5m",
        severity="critical",
        summary="The spool on {{ $labels.instance }} does not add up",
        description=(
            "What was put into it is not what left it and what it holds. Leave its files as they are, and report it."
        ),
    ),
    Alert(
        name="HeadraceSpoolUnusable",
        expr="headrace_spool_usable == 0",
        lasts="1m",
        severity="critical",
        summary="The spool on {{ $labels.instance }} can be neither read nor written",
        description="While Kafka takes deliveries they are durable all the same. Without it every delivery is refused.",
    ),
    Alert(
        name="HeadraceSpoolFilling",
        expr="headrace_spool_bytes / headrace_spool_limit_bytes > 0.5",
        severity="critical",
        summary="The spool on {{ $labels.instance }} is more than half full",
        description=(
            "Once it is full, deliveries are refused until Kafka takes what waits. {{ $value | humanizePercentage }} "
            "of it is used."
        ),
    ),
    Alert(
        name="HeadraceSpoolNotDrained",
        expr=(
            "headrace_spool_oldest_age_seconds > 300 and on (instance) "
            'min_over_time(headrace_kafka_up{role="receiver"}[5m]) == 1'
        ),
        lasts="5m",
        severity="warning",
        summary=(
            "The spool on {{ $labels.instance }} holds records of {{ $value | humanizeDuration }} ago, and Kafka "
            "answers"
        ),
        description="Kafka does not take them: the log has the reason. `headrace spool show` lists what waits.",
    ),
    Alert(
        name="HeadraceSpoolOrphaned",
        expr="last_over_time(headrace_spool_records[6h]) > 0 unless on (instance) headrace_spool_records",
        lasts="10m",
        severity="critical",
        summary="{{ $labels.instance }} is gone, and {{ $value }} records stood in its spool when it was last seen",
        description=(
            "They are acknowledged, and perhaps nowhere else. Let a receiver run on that volume again, or drain it by "
            "hand (`headrace spool drain`); keep the volume until then."
        ),
    ),
    Alert(
        name="HeadraceSpoolDamaged",
        expr="headrace_spool_damaged_total > 0",
        severity="critical",
        summary="{{ $labels.instance }} found a damaged spool and put it aside",
        description=(
            "What could be read of it was salvaged; the damaged file may hold more: keep it, and copy it first."
        ),
    ),
    Alert(
        name="HeadraceSetAside",
        expr="headrace_spool_set_aside_records > 0",
        severity="warning",
        summary="{{ $value }} records stand set aside in the spool on {{ $labels.instance }}",
        description="They were acknowledged and are not in raw: `headrace spool show` says why, and what can be done.",
    ),
    Alert(
        name="HeadraceSpoolVolumeTooSmall",
        expr="headrace_spool_volume_missing_bytes > 0",
        lasts="5m",
        severity="warning",
        summary="The volume of the spool on {{ $labels.instance }} lacks {{ $value | humanize1024 }}B",
        description="It cannot hold what [spool] max_bytes allows: enlarge the volume, or lower max_bytes.",
    ),
)
