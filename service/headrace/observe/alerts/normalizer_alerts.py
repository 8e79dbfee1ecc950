"""Alerts of the normalizer: what becomes of raw records, and in which time."""

from typing import Final

from headrace.observe.alerts.alert import BY_TENANT, Alert, gone, grew

_TENANT: Final = "{{ $labels.provider }} {{ $labels.tenant }}"
_POSITION: Final = "headrace_position"
_BY_PARTITION: Final = "by (job, partition)"
_LOST: Final = 'headrace_records_total{fate="lost"}'
_OF_THE_CODE: Final = "`headrace taxonomy unmapped` tells more of it; a row of the overlay of the tenant maps it."


def _of_codes(metric: str) -> str:
    return f"sum by (provider, tenant, code) ({grew(metric, '1h')}) > 0"


ALERTS: Final = (
    Alert(
        name="HeadraceNormalizerGone",
        expr=f"{gone(_POSITION)} or absent({_POSITION}) unless on () count_over_time({_POSITION}[1d])",
        lasts="5m",
        severity="critical",
        summary="No normalizer shows a partition of raw",
        description="Nothing is published. What comes in is kept in raw, and published once a normalizer runs.",
    ),
    Alert(
        name="HeadraceRecordsWithoutFate",
        expr="sum by (instance, partition) (headrace_records_total) != on (instance, partition) headrace_position",
        lasts="5m",
        severity="critical",
        summary="Partition {{ $labels.partition }} of raw does not add up",
        description="The position is not the sum of the fates. Keep the topics as they are, and report it.",
    ),
    Alert(
        name="HeadraceLostToRetention",
        expr=(
            f"max {_BY_PARTITION} ({_LOST}) > 0 unless "
            f"max {_BY_PARTITION} ({_LOST}) == max {_BY_PARTITION} (max_over_time({_LOST}[1h] offset 1d))"
        ),
        severity="critical",
        summary="Retention took records of partition {{ $labels.partition }} of raw before they were read",
        description="{{ $value }} in all. The normalizer was away for longer than raw is kept: back-fill the time.",
    ),
    Alert(
        name="HeadraceHeldLost",
        expr=f"sum {BY_TENANT} ({grew('headrace_held_lost_total', '1d')}) > 0",
        severity="critical",
        summary=f"Retention took records of {_TENANT} while they waited for the tenant",
        description="No normalizer read that partition for long: back-fill the time.",
    ),
    Alert(
        name="HeadraceLagAge",
        expr="max by (partition) (headrace_oldest_unprocessed_age_seconds) > 60",
        lasts="5m",
        severity="critical",
        summary="A record of partition {{ $labels.partition }} of raw has waited for {{ $value | humanizeDuration }}",
        description=(
            "Events are late. `headrace_lag_records` says how many wait; Kafka, or the task of the partition, stands."
        ),
    ),
    Alert(
        name="HeadraceHeldForLong",
        expr=f"max {BY_TENANT} (headrace_held_oldest_age_seconds) > 0.5 * scalar(max(headrace_held_limit_seconds))",
        lasts="10m",
        severity="warning",
        summary=f"Records of {_TENANT} have waited for half of the time that they may",
        description=(
            "Its tenant is paused, or not configured (labels unknown: the log names it, `records_held`). Let it go on, "
            "or configure it: its records are published then. A day before raw would lose them they become dead "
            "letters, held_too_long."
        ),
    ),
    Alert(
        name="HeadraceUnknownTenantHeld",
        expr='max by (instance) (headrace_held_records{tenant="unknown"}) > 0',
        lasts="1h",
        severity="warning",
        summary="Records of a tenant that the normalizer does not know wait in raw",
        description=(
            "`records_held` in its log names the tenant. Configure it for the normalizer too; its records are "
            "published then."
        ),
    ),
    Alert(
        name="HeadraceDeadLetterBurst",
        expr=f"sum by (provider, tenant, reason) ({grew('headrace_dead_letters_total', '15m')}) > 20",
        severity="warning",
        summary=(
            f"{{{{ $value | humanize }}}} records of {_TENANT} became dead letters within 15 minutes: {{{{ "
            "$labels.reason }}"
        ),
        description=(
            "Their bytes are kept: `headrace dead-letters` lists them, `headrace redrive` sends them back after a fix."
        ),
    ),
    Alert(
        name="HeadraceUnmappedCode",
        expr=_of_codes("headrace_unmapped_total"),
        severity="info",
        summary=f"Code {{{{ $labels.code }}}} of {_TENANT} has no row",
        description=f"Its events are published as unmapped. {_OF_THE_CODE}",
    ),
    Alert(
        name="HeadraceProvisionalCode",
        expr=_of_codes("headrace_provisional_total"),
        severity="info",
        summary=f"Code {{{{ $labels.code }}}} of {_TENANT} has only a provisional row",
        description=f"What it means is defined by the account. {_OF_THE_CODE}",
    ),
    Alert(
        name="HeadraceUnmappedBurst",
        expr=(
            f"sum {BY_TENANT} ({grew('headrace_unmapped_total', '15m')}) > 50 and "
            f"sum {BY_TENANT} ({grew('headrace_unmapped_total', '15m')}) > "
            f"0.1 * sum {BY_TENANT} ({grew('headrace_published_total', '15m')})"
        ),
        severity="warning",
        summary=f"More than one in ten events of {_TENANT} is unmapped",
        description=(
            "Perhaps its overlay is not in force, or the platform has changed its codes: `headrace taxonomy unmapped`."
        ),
    ),
)
