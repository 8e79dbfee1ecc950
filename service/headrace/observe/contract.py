"""The metrics as a contract: what is exported, by name, unit and labels. Never renamed; `METRICS.md` is made from it.

`python -m headrace.observe.contract` writes the page anew.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

PAGE: Final = Path(__file__).with_name("METRICS.md")

COMMIT_EDGES: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Up to the deadline of a batch."""
RESTORE_EDGES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
END_TO_END_EDGES: Final = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0),
)
"""The promised 30 ms and 150 ms are edges; the long ones tell an outage of a minute from one of a day."""


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
        "Producers that could not be stopped in time; after three the process ends.",
    ),
    Family("headrace_commits_total", "counter", "commits", ("role", "partition"), "Commits that are durable."),
    Family(
        "headrace_commit_duration_seconds",
        "histogram",
        "seconds",
        ("role",),
        "From the decision on a batch to its durable commit.",
        COMMIT_EDGES,
    ),
    Family(
        "headrace_restore_duration_seconds",
        "histogram",
        "seconds",
        ("role",),
        "Time a task took to restore its memory from the log.",
        RESTORE_EDGES,
    ),
)

NORMALIZER: Final = (
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
        "Age of the oldest raw record without a fate, 0 where there is none.",
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
        "headrace_end_to_end_seconds",
        "histogram",
        "seconds",
        ("via",),
        "From the receipt of what was published to its durable commit; redriven and replayed records wait longest.",
        END_TO_END_EDGES,
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
        ("provider", "code"),
        "Published events whose native code has no row in the mapping.",
    ),
    Family(
        "headrace_provisional_total",
        "counter",
        "events",
        ("provider", "code"),
        "Published events whose native code was only met by a provisional row.",
    ),
    Family("headrace_seen_ids", "gauge", "ids", ("partition",), "Ids remembered in seen."),
    Family("headrace_seen_bytes", "gauge", "bytes", ("partition",), "Memory that the table of marks takes."),
)

CONTRACT: Final = (*EVERYWHERE, *TASKS, *NORMALIZER)

_CHAPTERS: Final = (
    ("Every process", EVERYWHERE),
    ("Every role that owns tasks", TASKS),
    ("The normalizer", NORMALIZER),
)

_HEAD: Final = """\
# Metrics

<!-- Made by `python -m headrace.observe.contract` from contract.py: change it there. -->

These names, labels and units are a contract: they are added to and never renamed. `/metrics` on the admin port gives
them as Prometheus text, beside the usual `process_*` of the client library.

- Every label set that is known stands at 0 from the start: each tenant with each fate, type and reason, each partition
  from the moment it is assigned. `headrace_records_total` is the exception: it appears when the task is restored, with
  the totals of the log, so that a moved partition never looks like new records.
- What comes from outside is bounded: of `code` and `reason` the first 100 values for each label set before it are
  told apart (64 characters of each), the others are `other`.
- A record of a tenant that is not configured has `provider="unknown"`, `tenant="unknown"`.
- Gauges of a partition are gone when it is no longer owned. While it moves, two processes may show it for a moment:
  aggregate by `max by (partition)`.
"""

_HOLDS: Final = (
    (
        "nothing is lost between raw and its fates: always true",
        "sum by (instance, partition) (headrace_records_total) == on (instance, partition) headrace_position",
    ),
    ("nothing was taken by retention before it was read", 'sum(headrace_records_total{fate="lost"}) == 0'),
    ("what is in flight gets its fate in time", "max(headrace_oldest_unprocessed_age_seconds) < 60"),
    (
        "99 of 100 webhooks are visible within 150 ms",
        'histogram_quantile(0.99, sum by (le) (rate(headrace_end_to_end_seconds_bucket{via="webhook"}[5m]))) <= 0.15',
    ),
)


def page() -> str:
    """Write the contract as a Markdown page."""
    chapters = (f"## {title}\n\n{_table(families)}\n" for title, families in _CHAPTERS)
    holds = "\n".join(("| what | expression |", "|---|---|", *(f"| {what} | `{told}` |" for what, told in _HOLDS)))
    return "\n".join((_HEAD, *chapters, f"## What must hold\n\n{holds}\n"))


def _table(families: Iterable[Family]) -> str:
    rows = ["| name | kind | unit | labels | what |", "|---|---|---|---|---|"]
    rows += [
        f"| `{family.name}` | {family.kind} | {family.unit} | {_labels(family)} | {family.help}{_edges(family)} |"
        for family in families
    ]
    return "\n".join(rows)


def _labels(family: Family) -> str:
    return " ".join(f"`{label}`" for label in family.labels)


def _edges(family: Family) -> str:
    return f" Edges: {', '.join(f'{edge:g}' for edge in family.edges)}." if family.edges else ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
