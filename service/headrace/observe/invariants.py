"""What must hold of the metrics of a service, and the alerts that fire where it does not."""

from typing import Final

from msgspec import Struct

from headrace.observe.alerts.alert import grew


class Invariant(Struct, frozen=True):
    """A sentence, the expression that is true while it holds, and the names of the alerts that watch it."""

    what: str
    expr: str
    alerts: tuple[str, ...]


def _still(series: str) -> str:
    """Return the expression for: no counter grew in the last hour, nor was one born above 0."""
    return f"sum({grew(series, '1h')}) == 0"


INVARIANTS: Final = (
    Invariant(
        "nothing is lost between raw and its fates: always true",
        "sum by (instance, partition) (headrace_records_total) == on (instance, partition) headrace_position",
        ("HeadraceRecordsWithoutFate",),
    ),
    Invariant("Kafka answers every role", "min(headrace_kafka_up) == 1", ("HeadraceKafkaAway",)),
    Invariant(
        "every role knows what stands in Kafka",
        "time() - min(headrace_last_fetch_timestamp_seconds) < 30",
        ("HeadraceKafkaAway",),
    ),
    Invariant(
        "nothing was taken by retention before it was read",
        'sum(headrace_records_total{fate="lost"}) == 0',
        ("HeadraceLostToRetention",),
    ),
    Invariant(
        "nothing was taken by retention while it waited for its tenant",
        "sum(headrace_held_lost_total) == 0",
        ("HeadraceHeldLost",),
    ),
    Invariant(
        "what is in flight gets its fate in time",
        "max(headrace_oldest_unprocessed_age_seconds) < 60",
        ("HeadraceLagAge", "HeadraceNormalizerGone"),
    ),
    Invariant(
        "what waits for its tenant goes on long before it must",
        "max(headrace_held_oldest_age_seconds) <= 0.5 * max(headrace_held_limit_seconds)",
        ("HeadraceHeldForLong",),
    ),
    Invariant(
        "99 of 100 webhooks are visible within 150 ms",
        (
            'sum(rate(headrace_webhooks_published_total{visible="late"}[1h]))'
            " <= 0.01 * sum(rate(headrace_webhooks_published_total[1h]))"
        ),
        ("HeadraceWebhooksLate1h", "HeadraceWebhooksLate6h", "HeadraceWebhooksLate1d", "HeadraceWebhooksLate3d"),
    ),
    Invariant(
        "nothing is lost in the spool: always true",
        (
            "headrace_spool_put_total == headrace_spool_drained_total + headrace_spool_records"
            " + headrace_spool_set_aside_records"
        ),
        ("HeadraceSpoolDoesNotAddUp",),
    ),
    Invariant("the spool can be used", "min(headrace_spool_usable) == 1", ("HeadraceSpoolUnusable",)),
    Invariant("nothing was set aside", "max(headrace_spool_set_aside_records) == 0", ("HeadraceSetAside",)),
    Invariant(
        "the spool's volume is large enough",
        "max(headrace_spool_volume_missing_bytes) == 0",
        ("HeadraceSpoolVolumeTooSmall",),
    ),
    Invariant(
        "the spool has room for what may come",
        "headrace_spool_bytes / headrace_spool_limit_bytes < 0.5",
        ("HeadraceSpoolFilling",),
    ),
    Invariant(
        "every tenant that is to be polled has a poller",
        "absent(headrace_polling_configured == 1 unless on (provider, tenant) headrace_tenant_parked)",
        ("HeadraceTenantWithoutPoller", "HeadraceNudgesWithoutPoller"),
    ),
    Invariant(
        "no webhook is left to a feed that does not bring it",
        _still("headrace_nudges_returned_total"),
        ("HeadraceSentBackAsTold",),
    ),
    Invariant(
        "what webhooks told comes to the pollers",
        'max(headrace_topic_unread_seconds{topic="nudges"}) < 60',
        ("HeadraceNudgesUnread",),
    ),
    Invariant("no nudge was gone before it was read", "sum(headrace_nudge_gaps_total) == 0", ("HeadraceNudgesGone",)),
    Invariant("no tenant's credentials are denied", "max(headrace_tenant_parked) == 0", ("HeadraceTenantParked",)),
    Invariant(
        "every lead is read within its maximum staleness",
        "headrace_sweep_seconds <= headrace_max_staleness_seconds",
        ("HeadraceMaxStalenessNotKept",),
    ),
    Invariant(
        "every feed and lead is read as it should be",
        "max(headrace_feed_missing_leads) == 0",
        ("HeadraceFeedNotWhole", "HeadraceFeedStale"),
    ),
    Invariant("no mass of leads is about to be dropped", "max(headrace_leads_held_back) == 0", ("HeadraceMassDrop",)),
    Invariant("no platform throttles us", _still('headrace_calls_total{outcome="throttled"}'), ("HeadraceThrottled",)),
    Invariant("no feed breaks", _still('headrace_turns_total{outcome="broken"}'), ("HeadraceFeedBroken",)),
    Invariant("every code that comes in has a row", _still("headrace_unmapped_total"), ("HeadraceUnmappedCode",)),
    Invariant(
        "every code that comes in has a row of its own",
        _still("headrace_provisional_total"),
        ("HeadraceProvisionalCode",),
    ),
)
