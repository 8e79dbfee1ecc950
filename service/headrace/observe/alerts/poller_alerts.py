"""Alerts of the poller: feeds, credentials, webhooks at the platforms, nudges."""

from typing import Final

from headrace.observe.alerts.alert import BY_FEED, BY_TENANT, Alert, grew

_THROTTLED: Final = 'headrace_calls_total{outcome="throttled"}'
_NUDGED: Final = 'headrace_decided_total{fate="nudged"}'
_BROKEN: Final = 'headrace_turns_total{outcome="broken"}'
_TENANT: Final = "{{ $labels.provider }} {{ $labels.tenant }}"

ALERTS: Final = (
    Alert(
        name="HeadraceTenantWithoutPoller",
        expr="headrace_polling_configured == 1 unless on (provider, tenant) headrace_tenant_parked",
        lasts="10m",
        severity="warning",
        summary=f"{_TENANT} has polling = true, and no poller owns it",
        description=(
            "What its webhooks leave to a feed is not read by anybody. Run the role poller, or set polling = false."
        ),
    ),
    Alert(
        name="HeadraceNudgesWithoutPoller",
        expr=(f"sum {BY_TENANT} ({grew(_NUDGED, '15m')}) > 0 unless on (provider, tenant) headrace_tenant_parked"),
        lasts="10m",
        severity="critical",
        summary=f"Webhooks of {_TENANT} are left to a feed, and no poller owns the tenant",
        description=(
            "They are acknowledged and stand in raw and nudges, and nothing of them is published: run the role poller."
        ),
    ),
    Alert(
        name="HeadraceTenantParked",
        expr=f"max {BY_TENANT} (headrace_tenant_parked) > 0",
        lasts="5m",
        severity="critical",
        summary=f"The platform denies the credentials of {_TENANT}: nothing of it is read",
        description=(
            "`headrace status` has the platform's sentence. Renew the credentials; they are taken over while it runs."
        ),
    ),
    Alert(
        name="HeadraceTokenExpired",
        expr=(
            f"time() - (max {BY_TENANT} (headrace_token_expiry_timestamp_seconds) > 0) > 0 "
            f"unless on (provider, tenant) min {BY_TENANT} (headrace_feed_paused) == 1"
        ),
        lasts="15m",
        severity="warning",
        summary=f"The access token of {_TENANT} has expired, and no new one came",
        description=(
            "Tokens are renewed a minute before they expire. `headrace feeds` and `headrace check --online` say why "
            "not."
        ),
    ),
    Alert(
        name="HeadraceFeedStale",
        expr=(
            f"min {BY_FEED} (headrace_feed_staleness_seconds) > "
            f"(max {BY_FEED} (headrace_feed_staleness_limit_seconds) > 0) "
            f"unless max {BY_FEED} (headrace_feed_paused) == 1"
        ),
        lasts="5m",
        severity="warning",
        summary=(
            f"The feed {{{{ $labels.feed }}}} of {_TENANT} has not been read to its end for {{{{ $value | "
            "humanizeDuration }}"
        ),
        description="`headrace feeds` says how far it is read and what keeps it.",
    ),
    Alert(
        name="HeadraceFeedNotWhole",
        expr=f"max {BY_FEED} (headrace_feed_missing_leads) > 0",
        lasts="30m",
        severity="warning",
        summary=f"The feed {{{{ $labels.feed }}}} of {_TENANT} is not read as it should be: {{{{ $value }}}} leads",
        description="`headrace feeds --resting` lists them, with what their last turn failed for.",
    ),
    Alert(
        name="HeadraceFeedBroken",
        expr=f"sum {BY_FEED} ({grew(_BROKEN, '1h')}) > 0",
        severity="warning",
        summary=f"A turn of the feed {{{{ $labels.feed }}}} of {_TENANT} broke off by a fault of ours",
        description="It goes on from its last cursor. The log has the traceback (feed_broke): report it.",
    ),
    Alert(
        name="HeadraceThrottled",
        expr=f"sum {BY_TENANT} ({grew(_THROTTLED, '1h')}) > 0",
        severity="info",
        summary=f"The platform throttles {_TENANT}",
        description=(
            "Somebody else calls with the same account, or the budget is more than it allows: see the tenant's budget."
        ),
    ),
    Alert(
        name="HeadraceMaxStalenessNotKept",
        expr="headrace_sweep_seconds > headrace_max_staleness_seconds",
        lasts="1h",
        severity="warning",
        summary=f"Reading every lead of {_TENANT} takes longer than its max_staleness",
        description=(
            "`headrace feeds` says how many calls would do. Raise the budget, or max_staleness, or watch fewer leads."
        ),
    ),
    Alert(
        name="HeadraceMassDrop",
        expr=f"max {BY_TENANT} (headrace_leads_held_back) > 0",
        severity="warning",
        summary=f"More than one lead in a hundred of {_TENANT} would be dropped within an hour",
        description=(
            "The platform does not know {{ $value }} leads; they stay watched. Check the credentials and the address "
            "of the tenant; `headrace feeds` says more. Take away with `headrace leads remove` what is gone indeed."
        ),
    ),
    Alert(
        name="HeadraceWebhookInTrouble",
        expr='headrace_hooks{state=~"missing|gone|disabled|elsewhere|differs"} > 0',
        severity="warning",
        summary=f"A webhook of {_TENANT} is {{{{ $labels.state }}}}",
        description=(
            "`headrace feeds` says which, and `headrace hooks show` how it stands now; polling brings what it does not."
        ),
    ),
    Alert(
        name="HeadraceWebhooksLost",
        expr=(
            f'max {BY_TENANT} (headrace_ledger_lost_ratio{{via="webhook"}}) > 0.05 '
            f"and sum {BY_TENANT} (headrace_ledger_facts) > 20"
        ),
        severity="warning",
        summary=f"Webhooks of {_TENANT} did not tell {{{{ $value | humanizePercentage }}}} of what happened in an hour",
        description=(
            "Polling published it. `headrace ledger` has the hours, `headrace hooks show` how the webhooks stand."
        ),
    ),
    Alert(
        name="HeadraceSentBackAsTold",
        expr=f"sum {BY_TENANT} ({grew('headrace_nudges_returned_total', '1h')}) > 0",
        severity="warning",
        summary=f"No feed of {_TENANT} brought what its webhooks told",
        description=(
            "They were published as they were told. See `headrace feeds`, and whether the platform lists such events "
            "at all."
        ),
    ),
    Alert(
        name="HeadraceNudgesUnread",
        expr='headrace_topic_unread_seconds{topic="nudges"} > 60',
        lasts="5m",
        severity="warning",
        summary=(
            "The poller on {{ $labels.instance }} has not looked at all of nudges for {{ $value | humanizeDuration }}"
        ),
        description="What webhooks leave to feeds waits. A partition without a leader is enough: look at the brokers.",
    ),
    Alert(
        name="HeadraceNudgesGone",
        expr=f"sum by (partition) ({grew('headrace_nudge_gaps_total', '1h')}) > 0",  # found before a first scrape
        severity="critical",
        summary="Nudges were gone before the poller of partition {{ $labels.partition }} of cursors read them",
        description=(
            "What webhooks told may be missing. `headrace feeds` says since when; run `headrace redrive --nudged "
            "--since TIME`."
        ),
    ),
)
