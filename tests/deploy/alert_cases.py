"""For each alert a state in which it fires, and the nearest ones in which it does not.

Values are those of promtool, one a minute: `0x9 4x20` is ten times 0, then 21 times 4; `_` is no value.
"""

from dataclasses import dataclass, field
from typing import Final

State = tuple[dict[str, str], str]
"""Series by name and labels, each with its values; and when it is looked at."""

T: Final = 'provider="leadsquared", tenant="acme", instance="a"'
TENANT: Final = {"provider": "leadsquared", "tenant": "acme"}
HERE: Final = {"instance": "a"}


@dataclass(frozen=True)
class Case:
    """What fires has `labels` beside its severity, and `value` as its texts show it."""

    fires: State
    quiet: tuple[State, ...]
    labels: dict[str, str] = field(default_factory=dict)
    value: str = ""


def later(series: dict[str, str], quiet: str, fires: str, *others: State) -> tuple[State, tuple[State, ...]]:
    """Return a state that is quiet at first and fires then, and what else is quiet."""
    return (series, fires), ((series, quiet), *others)


def gauge(name: str, values: str, quiet: str, fires: str, value: str = "", *, labels: str = 'instance="a"') -> Case:
    """Return the case of one series, which an alert shows with all of its labels."""
    shown = dict(pair.split("=") for pair in labels.replace('"', "").split(", "))
    return Case(*later({f"{name}{{{labels}}}": values}, quiet, fires), shown, value)


def late(late_ones: str, in_time: str) -> dict[str, str]:
    """Return the series of webhooks that were late and in time."""
    name = "headrace_webhooks_published_total"
    return {f'{name}{{visible="late", instance="a"}}': late_ones, f'{name}{{visible="in_time", instance="a"}}': in_time}


def refused(reason: str, refusals: str, deliveries: str = "0+20x200") -> dict[str, str]:
    """Return the series of refusals and deliveries of one tenant."""
    return {
        f'headrace_refusals_total{{{T}, reason="{reason}"}}': refusals,
        f"headrace_deliveries_total{{{T}}}": deliveries,
    }


def feed(staleness: str, paused: str) -> dict[str, str]:
    """Return the series of a feed that may be a quarter of an hour old."""
    of = f'{T}, feed="events"'
    return {
        f"headrace_feed_staleness_seconds{{{of}}}": staleness,
        f"headrace_feed_staleness_limit_seconds{{{of}}}": "900x200",
        f"headrace_feed_paused{{{of}}}": paused,
    }


def spool(put: int, drained: int, waits: int, aside: int) -> dict[str, str]:
    """Return the sums of a spool."""
    sums = {"put_total": put, "drained_total": drained, "records": waits, "set_aside_records": aside}
    return {f'headrace_spool_{name}{{instance="a"}}': f"{value}x60" for name, value in sums.items()}


_BUILD: Final = "headrace_build_info{job='h', instance='b'}"

PROCESS: Final = {
    "HeadraceKafkaAway": gauge("headrace_kafka_up", "1x100 0x50", "102m", "103m", labels='role="poller", instance="a"'),
    "HeadraceRestartLoop": Case(
        (
            {
                'process_start_time_seconds{instance="a"}': "100x60 200x5 300x5 400x50",
                'headrace_build_info{instance="a"}': "1x200",
            },
            "80m",
        ),
        (
            (
                {
                    'process_start_time_seconds{instance="a"}': "100x60 200x5 300x50",
                    'headrace_build_info{instance="a"}': "1x200",
                },
                "80m",
            ),
            ({'process_start_time_seconds{instance="somebody"}': "100x60 200x5 300x5 400x50"}, "80m"),
        ),
        HERE,
        "3",
    ),
    "HeadraceProcessDown": Case(
        ({"up{job='h', instance='a'}": "1x30 0x9 1 0x40", _BUILD: "1x30 _x60"}, "60m"),
        (
            ({"up{job='h', instance='a'}": "1x30 0x9 1 0x40", _BUILD: "1x30 _x60"}, "47m"),
            ({"up{job='h', instance='a'}": "1x30 0x2 1x20 0x2 1x20", _BUILD: "1x80"}, "60m"),
            ({"up{job='somebody', instance='a'}": "0x80", _BUILD: "1x80"}, "60m"),
        ),
        HERE | {"job": "h"},
    ),
    "HeadraceConfigurationRefused": gauge("headrace_configuration_refused", "0x10 2x20", "11m", "12m"),
    "HeadraceSecretUnread": gauge("headrace_configuration_files_unread", "0x10 1x20", "12m", "13m", "1"),
    "HeadraceRestartNeeded": gauge("headrace_configuration_restart_needed", "0x10 2x100", "70m", "71m", "2"),
    "HeadraceSpansDropped": Case(
        *later(
            {'headrace_spans_dropped_total{instance="a", reason="failed"}': "0x60 1+1x60"},
            "75m",
            "76m",
            ({'headrace_spans_dropped_total{instance="a", reason="failed"}': "0x60 1x60"}, "76m"),
            ({'headrace_spans_dropped_total{instance="a", reason="stopped"}': "0x60 1+1x60"}, "76m"),
        ),
        HERE | {"reason": "failed"},
    ),
}

RECEIVER: Final = {
    "HeadraceReceiverGone": Case(
        *later(
            {
                "headrace_spool_usable{job='west', instance='a'}": "1x60 _x200",
                "headrace_spool_usable{job='east', instance='b'}": "1x260",
            },
            "68m",
            "75m",
            ({"up": "1x200"}, "75m"),
            (
                {"headrace_spool_usable{instance='a'}": "1x60 _x200", "headrace_spool_usable{instance='b'}": "1x260"},
                "75m",
            ),
        ),
        {"job": "west"},
    ),
    "HeadraceWebhooksRefused": Case(
        (refused("bad_signature", "0+3x100"), "60m"),
        (
            (refused("bad_signature", "0+1x100"), "60m"),
            (refused("bad_signature", "0+0.5x100", "0x100"), "60m"),
        ),
        TENANT,
    ),
    "HeadraceDeliveriesTurnedAway": Case(
        (refused("no_room", "0x60 0+1x60"), "90m"),
        ((refused("no_room", "0x60 0+0.5x60"), "90m"), (refused("rate_limited", "0x60 0+1x60"), "90m")),
        HERE | {"reason": "no_room"},
    ),
    "HeadraceSpoolDoesNotAddUp": Case(
        (spool(10, 8, 1, 0), "5m"), ((spool(10, 8, 1, 0), "4m"), (spool(10, 8, 1, 1), "5m")), HERE
    ),
    "HeadraceSpoolUnusable": gauge("headrace_spool_usable", "1x10 0x20", "11m", "12m"),
    "HeadraceSpoolFilling": Case(
        ({'headrace_spool_bytes{instance="a"}': "51x9", 'headrace_spool_limit_bytes{instance="a"}': "100x9"}, "1m"),
        (({'headrace_spool_bytes{instance="a"}': "50x9", 'headrace_spool_limit_bytes{instance="a"}': "100x9"}, "1m"),),
        HERE,
        "51%",
    ),
    "HeadraceSpoolNotDrained": Case(
        *later(
            {
                'headrace_spool_oldest_age_seconds{instance="a"}': "400x60",
                'headrace_kafka_up{role="receiver", instance="a"}': "1x60",
            },
            "4m",
            "5m",
            (
                {
                    'headrace_spool_oldest_age_seconds{instance="a"}': "400x60",
                    'headrace_kafka_up{role="receiver", instance="a"}': "0x60",
                },
                "30m",
            ),
        ),
        HERE,
        "6m 40s",
    ),
    "HeadraceSpoolOrphaned": Case(
        *later(
            {'headrace_spool_records{instance="a"}': "0x10 7x10 _x300"},
            "30m",
            "40m",
            ({'headrace_spool_records{instance="a"}': "7x10 0x10 _x300"}, "40m"),
            ({'headrace_spool_records{instance="a"}': "7x300"}, "40m"),
            ({'headrace_spool_records{instance="a"}': "7x10 _x14 7x300"}, "40m"),
        ),
        HERE,
        "7",
    ),
    "HeadraceSpoolDamaged": gauge("headrace_spool_damaged_total", "0x10 1x10", "10m", "11m"),
    "HeadraceSetAside": gauge("headrace_spool_set_aside_records", "0x10 3x10", "10m", "11m", "3"),
    "HeadraceSpoolVolumeTooSmall": gauge("headrace_spool_volume_missing_bytes", "1048576x20", "4m", "5m", "1Mi"),
}

_POLLED: Final = {f"headrace_polling_configured{{{T}}}": "1x100"}
_NUDGED: Final = {f'headrace_decided_total{{{T}, via="webhook", fate="nudged"}}': "0+1x100"}
_TOKEN: Final = {f"headrace_token_expiry_timestamp_seconds{{{T}}}": "3600x200"}
_FEED: Final = f'{T}, feed="events"'


def _lost(ratio: str, facts: str) -> State:
    return {
        f'headrace_ledger_lost_ratio{{{T}, via="webhook"}}': ratio,
        f'headrace_ledger_facts{{{T}, via="both"}}': facts,
    }, "1m"


def _grew(series: str, other: str, labels: dict[str, str]) -> Case:
    """Return the case of a counter that grows by one after an hour, beside another that does not matter."""
    return Case(*later({series: "0x60 1x100"}, "60m", "61m", ({other: "0x60 1x100"}, "61m")), labels)


POLLER: Final = {
    "HeadraceTenantWithoutPoller": Case(
        *later(
            _POLLED | {'headrace_tenant_parked{provider="leadsquared", tenant="acme", instance="p"}': "0x20 _x100"},
            "30m",
            "40m",
            ({f"headrace_polling_configured{{{T}}}": "0x100"}, "40m"),
        ),
        TENANT | HERE,
    ),
    "HeadraceNudgesWithoutPoller": Case(
        (_NUDGED, "30m"), ((_NUDGED | {f"headrace_tenant_parked{{{T}}}": "0x100"}, "30m"),), TENANT
    ),
    "HeadraceTenantParked": Case(*later({f"headrace_tenant_parked{{{T}}}": "0x10 1x30"}, "15m", "16m"), TENANT),
    "HeadraceTokenExpired": Case(
        *later(
            _TOKEN | {f"headrace_feed_paused{{{_FEED}}}": "0x200"},
            "75m",
            "77m",
            (_TOKEN | {f"headrace_feed_paused{{{_FEED}}}": "1x200"}, "100m"),
        ),
        TENANT,
    ),
    "HeadraceFeedStale": Case(
        *later(feed("0+60x100", "0x200"), "20m", "21m", (feed("0+60x100", "1x200"), "60m")),
        TENANT | {"feed": "events"},
        "21m 0s",
    ),
    "HeadraceFeedNotWhole": Case(
        *later({f"headrace_feed_missing_leads{{{_FEED}}}": "0x10 4x60"}, "40m", "41m"),
        TENANT | {"feed": "events"},
        "4",
    ),
    "HeadraceFeedBroken": _grew(
        f'headrace_turns_total{{{_FEED}, outcome="broken"}}',
        f'headrace_turns_total{{{_FEED}, outcome="stopped"}}',
        TENANT | {"feed": "events"},
    ),
    "HeadraceThrottled": _grew(
        f'headrace_calls_total{{{T}, outcome="throttled"}}', f'headrace_calls_total{{{T}, outcome="ok"}}', TENANT
    ),
    "HeadraceMaxStalenessNotKept": Case(
        *later(
            {f"headrace_sweep_seconds{{{T}}}": "86401x99", f"headrace_max_staleness_seconds{{{T}}}": "86400x99"},
            "59m",
            "60m",
            (
                {f"headrace_sweep_seconds{{{T}}}": "86400x99", f"headrace_max_staleness_seconds{{{T}}}": "86400x99"},
                "90m",
            ),
        ),
        TENANT | HERE,
    ),
    "HeadraceMassDrop": Case(*later({f"headrace_leads_held_back{{{T}}}": "0x9 40x20"}, "9m", "10m"), TENANT, "40"),
    "HeadraceWebhookInTrouble": Case(
        *later(
            {f'headrace_hooks{{{T}, state="disabled"}}': "0x9 1x20"},
            "9m",
            "10m",
            ({f'headrace_hooks{{{T}, state="foreign"}}': "1x20"}, "10m"),
        ),
        TENANT | HERE | {"state": "disabled"},
    ),
    "HeadraceWebhooksLost": Case(
        _lost("0.06x60", "21x60"), (_lost("0.05x60", "21x60"), _lost("0.06x60", "20x60")), TENANT, "6%"
    ),
    "HeadraceSentBackAsTold": _grew(
        f"headrace_nudges_returned_total{{{T}}}", f"headrace_held_returned_total{{{T}}}", TENANT
    ),
    "HeadraceNudgesUnread": Case(
        *later(
            {'headrace_topic_unread_seconds{topic="nudges", instance="a"}': "61x60"},
            "4m",
            "5m",
            ({'headrace_topic_unread_seconds{topic="nudges", instance="a"}': "60x60"}, "30m"),
            ({'headrace_topic_unread_seconds{topic="events", instance="a"}': "61x60"}, "30m"),
        ),
        HERE | {"topic": "nudges"},
        "1m 1s",
    ),
    "HeadraceNudgesGone": Case(
        ({'headrace_nudge_gaps_total{partition="3", instance="a"}': "_x60 1x100"}, "60m"),
        (
            ({'headrace_nudge_gaps_total{partition="3", instance="a"}': "_x60 0x100"}, "60m"),
            ({'headrace_nudge_gaps_total{partition="3", instance="a"}': "_x60 1x100"}, "130m"),
        ),
        {"partition": "3"},
    ),
}

_LOST: Final = {'headrace_records_total{partition="0", fate="lost", instance="a"}': "0x60 4x2000"}
_AGE: Final = 'headrace_oldest_unprocessed_age_seconds{partition="0", instance="a"}'
_HELD: Final = 'headrace_held_records{provider="unknown", tenant="unknown", instance="a"}'


def _fates(position: int) -> dict[str, str]:
    return {
        'headrace_records_total{partition="0", fate="published", instance="a"}': "5x60",
        'headrace_records_total{partition="0", fate="dead", instance="a"}': "1x60",
        'headrace_position{partition="0", instance="a"}': f"{position}x60",
    }


def _unmapped(unmapped: str, published: str) -> State:
    return {
        f'headrace_unmapped_total{{{T}, code="203"}}': unmapped,
        f'headrace_published_total{{{T}, type="call.completed"}}': published,
    }, "30m"


def _first_of(metric: str) -> Case:
    return Case(
        *later(
            {f'{metric}{{{T}, code="203"}}': "_x70 1x200"},
            "69m",
            "70m",
            ({f'{metric}{{{T}, code="203"}}': "4x300"}, "70m"),
        ),
        TENANT | {"code": "203"},
    )


NORMALIZER: Final = {
    "HeadraceNormalizerGone": Case(
        *later(
            {
                "headrace_position{job='west', partition='0', instance='a'}": "5x60 _x60",
                "headrace_position{job='east', partition='0', instance='b'}": "5x120",
            },
            "68m",
            "72m",
        ),
        {"job": "west"},
    ),
    "HeadraceRecordsWithoutFate": Case(
        (_fates(7), "5m"), ((_fates(7), "4m"), (_fates(6), "30m")), HERE | {"partition": "0"}
    ),
    "HeadraceLostToRetention": Case(*later(_LOST, "60m", "61m", (_LOST, "1530m")), {"partition": "0"}, "4"),
    "HeadraceHeldLost": _grew(f"headrace_held_lost_total{{{T}}}", f"headrace_held_returned_total{{{T}}}", TENANT),
    "HeadraceLagAge": Case(
        *later({_AGE: "0+30x100"}, "7m", "8m", ({_AGE: "60x100"}, "60m")), {"partition": "0"}, "4m 0s"
    ),
    "HeadraceHeldForLong": Case(
        *later(
            {
                'headrace_held_limit_seconds{instance="a"}': "7200x200",
                f"headrace_held_oldest_age_seconds{{{T}}}": "0+60x100",
            },
            "70m",
            "71m",
        ),
        TENANT,
    ),
    "HeadraceUnknownTenantHeld": Case(
        *later({_HELD: "0x5 7x90"}, "65m", "66m", ({f"headrace_held_records{{{T}}}": "7x90"}, "80m")), HERE
    ),
    "HeadraceDeadLetterBurst": Case(
        ({f'headrace_dead_letters_total{{{T}, reason="bad_shape"}}': "0x60 0+2x60"}, "90m"),
        (({f'headrace_dead_letters_total{{{T}, reason="bad_shape"}}': "0x60 0+1x60"}, "90m"),),
        TENANT | {"reason": "bad_shape"},
        "30",
    ),
    "HeadraceUnmappedCode": _first_of("headrace_unmapped_total"),
    "HeadraceProvisionalCode": _first_of("headrace_provisional_total"),
    "HeadraceUnmappedBurst": Case(
        _unmapped("0+5x60", "0+30x60"), (_unmapped("0+4x60", "0+50x60"), _unmapped("0+3x60", "0+9x60")), TENANT
    ),
}

OBJECTIVE: Final = {
    "HeadraceWebhooksLate1h": Case(
        (late("0+20x90", "0+80x90"), "90m"),
        (
            (late("0+14x90", "0+86x90"), "90m"),
            (late("0+20x60 1220x30", "0+80x90"), "90m"),
            (late("0+0.04x90", "0+0.1x90"), "90m"),
        ),
        value="20%",
    ),
    "HeadraceWebhooksLate6h": Case(
        (late("0+7x400", "0+93x400"), "390m"), ((late("0+5x400", "0+95x400"), "390m"),), value="7%"
    ),
    "HeadraceWebhooksLate1d": Case(
        (late("0+4x1500", "0+96x1500"), "1470m"), ((late("0+2x1500", "0+98x1500"), "1470m"),), value="4%"
    ),
    "HeadraceWebhooksLate3d": Case(
        (late("0+2x4400", "0+98x4400"), "4350m"), ((late("0+1x4400", "0+199x4400"), "4350m"),), value="2%"
    ),
}

CASES: Final = PROCESS | RECEIVER | POLLER | NORMALIZER | OBJECTIVE
