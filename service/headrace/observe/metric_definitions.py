"""Definitions of all metrics: name, unit, labels. They are a contract: added to, never renamed.

`python -m headrace.observe.metrics_page` generates `METRICS.md` from them.
"""

from typing import Final, Literal

from msgspec import Struct

COMMIT_EDGES: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds, up to the deadline of a batch."""
RESTORE_EDGES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
DELIVERY_EDGES: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, up to the deadlines of a slow body and of an append that went to the spool after all."""
CALL_EDGES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds, up to the deadline of a call."""
TURN_EDGES: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
"""Seconds. A feed run may wait for its budget: up to hours."""
END_TO_END_EDGES: Final = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0),
)
"""Seconds. The promised 30 ms and 150 ms are edges; the long ones distinguish outages of minutes and of hours."""
VISIBLE_WITHIN: Final = 0.15
"""Seconds from the receipt of a webhook to its durable commit: 99 of 100 are to be faster."""


class Family(Struct, frozen=True):
    """One metric: `unit` is a base unit or what is counted; `edges` are a histogram's upper bounds, in `unit`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str
    edges: tuple[float, ...] = ()


EVERYWHERE: Final = (
    Family("headrace_build_info", "gauge", "1", ("version", "python"), "Which build runs; the value is always 1."),
    Family(
        "headrace_kafka_up",
        "gauge",
        "1",
        ("role",),
        "1 where Kafka answered a role within 15 seconds, else 0: then lags and ages are what was last known.",
    ),
    Family(
        "headrace_last_fetch_timestamp_seconds",
        "gauge",
        "seconds",
        ("role",),
        "When Kafka last answered a role, by records or by where its logs end, since the epoch; 0 where it never did.",
    ),
)

PROCESS: Final = (
    Family(
        "headrace_configuration_loaded_timestamp_seconds",
        "gauge",
        "seconds",
        (),
        "When the configuration in force was taken over, since the epoch.",
    ),
    Family(
        "headrace_configuration_refused",
        "gauge",
        "faults",
        (),
        "Faults in the files of the configuration as they are now: unless 0, what was in force before stays.",
    ),
    Family(
        "headrace_configuration_restart_needed",
        "gauge",
        "keys",
        (),
        "Keys of which the files hold another value than the process was started with, and that need a restart.",
    ),
    Family(
        "headrace_configuration_files_unread",
        "gauge",
        "files",
        (),
        "Files of secrets, certificates and overlays that the configuration names and that cannot be read now: a "
        "process that starts would refuse to run.",
    ),
    Family(
        "headrace_notices_open",
        "gauge",
        "notices",
        ("kind",),
        "Notices that this process holds open, by what is the case; `headrace status` shows those of all.",
    ),
    Family("headrace_notices_written_total", "counter", "notices", (), "Notices that Kafka took."),
    Family(
        "headrace_notices_dropped_total",
        "counter",
        "notices",
        (),
        "Subjects of notices that were refused, because too many are open or wait for Kafka.",
    ),
    Family("headrace_spans_exported_total", "counter", "spans", (), "Spans that the collector took."),
    Family(
        "headrace_spans_dropped_total",
        "counter",
        "spans",
        ("reason",),
        "Spans that were dropped: `full` while too many waited, `failed` where the collector did not take them, "
        "`stopped` where they waited at the end of the process.",
    ),
)

TASKS: Final = (
    Family("headrace_tasks", "gauge", "tasks", ("role", "state"), "Tasks of this process by state."),
    Family("headrace_tasks_owned", "gauge", "tasks", ("role",), "Partitions that the group has assigned here."),
    Family("headrace_rebalances_total", "counter", "rebalances", ("role",), "Assignments taken from the group."),
    Family(
        "headrace_fenced_total",
        "counter",
        "times",
        ("role", "partition"),
        "Times a task found that another producer had taken its place.",
    ),
    Family(
        "headrace_producers_rebuilt_total",
        "counter",
        "producers",
        ("role", "partition", "reason"),
        "Producers that were discarded for a new one: `doubtful`, or the error that broke them.",
    ),
    Family(
        "headrace_producers_stuck_total",
        "counter",
        "producers",
        ("role",),
        "Producers that could neither be stopped nor cut off; after three the process ends.",
    ),
    Family(
        "headrace_stale_ends_total",
        "counter",
        "times",
        ("role", "partition"),
        "Times a broker told an end of a log before what is known to stand in it: it is cut off from its peers.",
    ),
    Family("headrace_commits_total", "counter", "commits", ("role", "partition"), "Commits that are durable."),
    Family(
        "headrace_commit_duration_seconds",
        "histogram",
        "seconds",
        ("role",),
        "From the decision on a batch to its durable commit.",
        edges=COMMIT_EDGES,
    ),
    Family(
        "headrace_restore_duration_seconds",
        "histogram",
        "seconds",
        ("role",),
        "Time a task took to restore its memory from the log.",
        edges=RESTORE_EDGES,
    ),
)

NORMALIZER: Final = (
    Family(
        "headrace_polling_configured",
        "gauge",
        "1",
        ("provider", "tenant"),
        "1 for a tenant with `polling = true`, whose webhooks are left to its feeds, else 0.",
    ),
    Family(
        "headrace_records_total",
        "counter",
        "raw records",
        ("partition", "fate"),
        "Raw records by their fate, since raw began: the running totals of seen, which survive everything.",
    ),
    Family("headrace_position", "gauge", "offset", ("partition",), "Offset of the next raw record to decide on."),
    Family("headrace_end_offset", "gauge", "offset", ("partition",), "End of the raw partition as last heard."),
    Family("headrace_lag_records", "gauge", "raw records", ("partition",), "End offset minus position: in flight."),
    Family(
        "headrace_oldest_unprocessed_age_seconds",
        "gauge",
        "seconds",
        ("partition",),
        "Age of the oldest raw record without a fate, 0 where there is none; at least as long as Kafka is silent.",
    ),
    Family(
        "headrace_held_records",
        "gauge",
        "raw records",
        ("provider", "tenant"),
        "Records that wait for their tenant, paused or not known here, in the partitions of this process. Tenants that "
        "are not known have the labels `unknown`; the log names them (`records_held`).",
    ),
    Family(
        "headrace_held_oldest_age_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "How long the oldest of them has waited.",
    ),
    Family(
        "headrace_held_limit_seconds",
        "gauge",
        "seconds",
        (),
        "How long a record may wait, by the retention of raw: then it is a dead letter, `held_too_long`.",
    ),
    Family(
        "headrace_held_returned_total",
        "counter",
        "raw records",
        ("provider", "tenant"),
        "Held records that this process appended to raw again, some more than once.",
    ),
    Family(
        "headrace_held_lost_total",
        "counter",
        "raw records",
        ("provider", "tenant"),
        "Held records that retention took before they went back, at most: nobody read them for longer than it is.",
    ),
    Family(
        "headrace_decided_total",
        "counter",
        "raw records",
        ("provider", "tenant", "via", "fate"),
        "Raw records that this process gave a fate.",
    ),
    Family(
        "headrace_published_total",
        "counter",
        "events",
        ("provider", "tenant", "type"),
        "Events that this process published.",
    ),
    Family(
        "headrace_missed_by_discovery_total",
        "counter",
        "raw records",
        ("provider", "tenant"),
        "Published records older than 15 minutes that only the sweep found: discovery should have named their leads.",
    ),
    Family(
        "headrace_end_to_end_seconds",
        "histogram",
        "seconds",
        ("via",),
        "From the receipt of what was published to its durable commit; redriven and replayed records wait longest.",
        edges=END_TO_END_EDGES,
    ),
    Family(
        "headrace_webhooks_published_total",
        "counter",
        "events",
        ("visible",),
        "Events published of webhooks as they came: visible `in_time`, within 150 ms of the receipt, or `late`. What "
        "came back to raw (as told, held, redriven, replayed) is not among them.",
    ),
    Family(
        "headrace_dead_letters_total",
        "counter",
        "dead letters",
        ("provider", "tenant", "reason"),
        "Dead letters by the code of their problem.",
    ),
    Family(
        "headrace_unmapped_total",
        "counter",
        "events",
        ("provider", "tenant", "code"),
        "Published events whose native code has no row in the mapping.",
    ),
    Family(
        "headrace_provisional_total",
        "counter",
        "events",
        ("provider", "tenant", "code"),
        "Published events whose native code was only met by a provisional row.",
    ),
    Family("headrace_seen_ids", "gauge", "ids", ("partition",), "Ids remembered in seen."),
    Family("headrace_seen_bytes", "gauge", "bytes", ("partition",), "Memory that the table of marks takes."),
)

APPENDING: Final = (
    Family(
        "headrace_raw_appended_total",
        "counter",
        "raw records",
        ("provider", "tenant", "via"),
        "Records that Kafka took into raw, at once or from the spool.",
    ),
)

RECEIVER: Final = (
    Family(
        "headrace_deliveries_total",
        "counter",
        "deliveries",
        ("provider", "tenant"),
        "Deliveries that were verified, made durable and acknowledged.",
    ),
    Family(
        "headrace_checks_total",
        "counter",
        "requests",
        ("provider", "tenant"),
        "Requests with nothing in them that a provider makes to see whether the webhook is there.",
    ),
    Family(
        "headrace_refusals_total",
        "counter",
        "requests",
        ("provider", "tenant", "reason"),
        "Requests that were refused, by the code of the problem they were answered with, if at all.",
    ),
    Family(
        "headrace_last_delivery_timestamp_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "When the last delivery was acknowledged, since the epoch; 0 where there was none yet.",
    ),
    Family(
        "headrace_delivery_duration_seconds",
        "histogram",
        "seconds",
        ("provider",),
        "From the start of a request to what makes it durable, of the acknowledged deliveries.",
        edges=DELIVERY_EDGES,
    ),
    Family(
        "headrace_accepted_records_total",
        "counter",
        "raw records",
        ("provider", "tenant"),
        "Raw records that the acknowledged deliveries held.",
    ),
    Family(
        "headrace_spooled_total",
        "counter",
        "spool records",
        ("provider", "tenant"),
        "Raw records that went into the spool.",
    ),
    Family(
        "headrace_drained_total",
        "counter",
        "spool records",
        (),
        "Raw records that Kafka took from the spool.",
    ),
    Family(
        "headrace_set_aside_total",
        "counter",
        "spool records",
        ("reason",),
        "Spool records that were set aside: what Kafka refused for good, and what grew too old to be appended.",
    ),
    Family(
        "headrace_spool_usable",
        "gauge",
        "1",
        (),
        "1 where the spool's file can be read and written, else 0: then nobody knows what it holds.",
    ),
    Family("headrace_spool_records", "gauge", "spool records", (), "What waits in the spool for Kafka."),
    Family("headrace_spool_set_aside_records", "gauge", "spool records", (), "What stands set aside in the spool."),
    Family("headrace_bodies_bytes", "gauge", "bytes", (), "What bodies and the records in them take in memory."),
    Family(
        "headrace_bodies_highest_bytes",
        "gauge",
        "bytes",
        (),
        "What they took at most since the start.",
    ),
    Family("headrace_bodies_limit_bytes", "gauge", "bytes", (), "What they may take: `[receiver] max_bodies`."),
    Family(
        "headrace_spool_bytes",
        "gauge",
        "bytes",
        (),
        "What the spool holds, by what it takes on the disk, as its limit counts it.",
    ),
    Family("headrace_spool_limit_bytes", "gauge", "bytes", (), "What the spool may hold."),
    Family(
        "headrace_spool_volume_missing_bytes",
        "gauge",
        "bytes",
        (),
        "Bytes that the volume of the spool lacked at the start for all that the spool may hold.",
    ),
    Family(
        "headrace_spool_oldest_age_seconds",
        "gauge",
        "seconds",
        (),
        "Age of the oldest record that waits in the spool, 0 where there is none.",
    ),
    Family(
        "headrace_spool_put_total",
        "counter",
        "spool records",
        (),
        "Records ever put into this spool: kept in it, over all restarts.",
    ),
    Family(
        "headrace_spool_drained_total",
        "counter",
        "spool records",
        (),
        "Records ever drained from this spool: kept in it, over all restarts.",
    ),
    Family("headrace_spool_damaged_total", "counter", "times", (), "Damaged spools that were found and put aside."),
    Family(
        "headrace_spool_salvaged_total",
        "counter",
        "spool records",
        (),
        "Records that could still be read in a damaged spool.",
    ),
)

POLLER: Final = (
    Family(
        "headrace_calls_total",
        "counter",
        "calls",
        ("provider", "tenant", "outcome"),
        "Calls to the platform: `ok`, `redirected` (it goes on as a call of its own), or what was wrong with the "
        "answer, `throttled` and `denied` among it.",
    ),
    Family(
        "headrace_call_duration_seconds",
        "histogram",
        "seconds",
        ("provider",),
        "From sending a call to the end of its answer.",
        edges=CALL_EDGES,
    ),
    Family(
        "headrace_budget_wait_seconds",
        "histogram",
        "seconds",
        ("provider",),
        "Time that a call waited for the budget of its tenant.",
        edges=TURN_EDGES,
    ),
    Family(
        "headrace_budget_left",
        "gauge",
        "calls",
        ("provider", "tenant", "span"),
        "Calls that are left of each limit: those of the short `window`, of the `day`, of the `year`.",
    ),
    Family(
        "headrace_turns_total",
        "counter",
        "turns",
        ("provider", "tenant", "feed", "outcome"),
        "Turns of feeds: `ok`, the fault that ended it, `append` where raw did not take it, `broken` where we failed, "
        "`stopped` where people paused the feed.",
    ),
    Family(
        "headrace_turn_duration_seconds",
        "histogram",
        "seconds",
        ("provider", "feed"),
        "From the begin of a turn to its end.",
        edges=TURN_EDGES,
    ),
    Family(
        "headrace_feed_records_total",
        "counter",
        "raw records",
        ("provider", "tenant", "feed"),
        "Raw records that a feed brought and Kafka took.",
    ),
    Family(
        "headrace_skipped_rows_total",
        "counter",
        "rows",
        ("provider", "tenant", "feed", "reason"),
        "Rows that a feed left out: `outside` its window, `unchanged`, `repeated`; `too_large` ones are dead letters.",
    ),
    Family(
        "headrace_feed_staleness_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant", "feed"),
        "How long ago all was read; of a feed by lead, its longest unread lead; before that, since it is polled here.",
    ),
    Family(
        "headrace_feed_staleness_limit_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant", "feed"),
        "How stale a feed may be: by lead `max_staleness`, else 15 minutes or three of its rests; 0 where it is not "
        "known yet.",
    ),
    Family(
        "headrace_feed_last_success_timestamp_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant", "feed"),
        "When a turn last went well here, since the epoch; 0 where none did yet.",
    ),
    Family(
        "headrace_feed_missing_leads",
        "gauge",
        "leads",
        ("provider", "tenant", "feed"),
        "Leads that are not read as they should be: their last turn failed. A feed that is not by lead counts as one.",
    ),
    Family(
        "headrace_feed_missing_since_timestamp_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant", "feed"),
        "Since when the first of these is missing, since the epoch; 0 where none is.",
    ),
    Family(
        "headrace_feed_paused",
        "gauge",
        "1",
        ("provider", "tenant", "feed"),
        "1 while a feed makes no calls because people said so, else 0.",
    ),
    Family(
        "headrace_backfills_open",
        "gauge",
        "backfills",
        ("provider", "tenant"),
        "Back-fills of a tenant that were ordered and have not ended.",
    ),
    Family(
        "headrace_tenant_parked",
        "gauge",
        "1",
        ("provider", "tenant"),
        "1 while a tenant is parked because the platform denies its credentials, else 0.",
    ),
    Family(
        "headrace_hooks",
        "gauge",
        "1",
        ("provider", "tenant", "state"),
        "Webhooks at the platform that are ours or needed, by state, as of the last look: `ok`; `foreign` does what is "
        "needed but is not ours; `missing`, `gone`, `disabled`, `elsewhere` (points to another URL) and `differs` (is "
        "about something else) are trouble; `unneeded`.",
    ),
    Family(
        "headrace_hooks_looked_timestamp_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "When the platform's list of webhooks was last read, since the epoch; 0 where it was not, or is not to be.",
    ),
    Family(
        "headrace_token_expiry_timestamp_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "When the access token expires, since the epoch; 0 where there is none.",
    ),
    Family(
        "headrace_clock_skew_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "How far the clock of the platform is ahead of ours.",
    ),
    Family(
        "headrace_answers_bytes",
        "gauge",
        "bytes",
        (),
        "What the answers of platforms weigh that are being read or worked on: bytes, and 64 for each `[` and `{`.",
    ),
    Family(
        "headrace_answers_highest_bytes",
        "gauge",
        "bytes",
        (),
        "What they weighed at most since the process began.",
    ),
    Family(
        "headrace_answers_limit_bytes",
        "gauge",
        "bytes",
        (),
        "What they may weigh; beyond it a turn holds no more than 1 MiB.",
    ),
    Family(
        "headrace_max_staleness_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "For how long a lead may go unread, as `max_staleness` sets it.",
    ),
    Family(
        "headrace_sweep_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "How long a round through all leads takes at this budget; more than `max_staleness` is not kept.",
    ),
    Family("headrace_leads_watched", "gauge", "leads", ("provider", "tenant"), "Leads that are watched."),
    Family(
        "headrace_leads_gone_total",
        "counter",
        "leads",
        ("provider", "tenant"),
        "Leads that are watched no more because the platform does not know them.",
    ),
    Family(
        "headrace_leads_held_back",
        "gauge",
        "leads",
        ("provider", "tenant"),
        "Leads that the platform does not know, and that stay watched: they are too many at once to be dropped.",
    ),
    Family(
        "headrace_rows_incomplete_total",
        "counter",
        "rows",
        ("provider", "tenant", "feed"),
        "Rows without a detail or call, or left out, because it failed in three turns while others came.",
    ),
    Family(
        "headrace_nudges_open",
        "gauge",
        "nudges",
        ("provider", "tenant"),
        "Nudges that woke a feed which has not brought yet what they stand for.",
    ),
    Family(
        "headrace_nudges_bytes",
        "gauge",
        "bytes",
        ("provider", "tenant"),
        "What the nudges that are remembered take in `cursors`; beyond 4 MiB the record of one more goes back to raw "
        "at once.",
    ),
    Family(
        "headrace_ledger_facts",
        "gauge",
        "facts",
        ("provider", "tenant", "via"),
        "Facts of the last closed hour that `both` ways told, `webhook` alone or `poll` alone.",
    ),
    Family(
        "headrace_ledger_lost_ratio",
        "gauge",
        "1",
        ("provider", "tenant", "via"),
        "Share of the facts of the last closed hour that this way did not tell, and the other one did.",
    ),
    Family(
        "headrace_ledger_hour_timestamp_seconds",
        "gauge",
        "seconds",
        ("provider", "tenant"),
        "When the last closed hour of the loss ledger began, since the epoch.",
    ),
    Family(
        "headrace_nudges_returned_total",
        "counter",
        "raw records",
        ("provider", "tenant"),
        "Webhooks' records that went to raw again as told, because no feed brought what they tell.",
    ),
    Family(
        "headrace_nudge_gaps_total",
        "counter",
        "times",
        ("partition",),
        "Times that nudges were gone before the poller of a partition of `cursors` read them: retention took them, or "
        "the topic was made anew.",
    ),
    Family(
        "headrace_topic_unread_seconds",
        "gauge",
        "seconds",
        ("topic",),
        "Time since the poller last looked for news in all partitions of a topic that it follows: `nudges`, which say "
        "what webhooks told, and `events`, where leads are found. 0 while it follows none.",
    ),
)

FAMILIES: Final = (*EVERYWHERE, *PROCESS, *APPENDING, *RECEIVER, *POLLER, *TASKS, *NORMALIZER)
