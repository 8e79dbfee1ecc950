"""METRICS.md: the definitions as a page for people. `python -m headrace.observe.metrics_page` writes it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from headrace.observe.invariants import INVARIANTS, Invariant
from headrace.observe.metric_definitions import (
    APPENDING,
    EVERYWHERE,
    NORMALIZER,
    POLLER,
    PROCESS,
    RECEIVER,
    TASKS,
    Family,
)

PAGE: Final = Path(__file__).with_name("METRICS.md")

_CHAPTERS: Final = (
    ("Every process", (*EVERYWHERE, *PROCESS)),
    ("The receiver and the poller", APPENDING),
    ("The receiver", RECEIVER),
    ("The poller", POLLER),
    ("Every role that owns tasks", TASKS),
    ("The normalizer", NORMALIZER),
)

_HEAD: Final = """\
# Metrics

<!-- Made by `python -m headrace.observe.metrics_page` from metric_definitions.py: change it there. -->

These names, labels and units are a contract: they are added to and never renamed. `/metrics` on the admin port gives
them as Prometheus text, beside the usual `process_*` of the client library.

- Every label set that is known stands at 0 from the start: each tenant with each fate and reason, each partition from
  the moment it is assigned. Exceptions: `headrace_published_total` shows a type, and
  `headrace_unmapped_total` and `headrace_provisional_total` a code, from its first event on;
  `headrace_records_total` appears when the task is restored, with the totals of the log, so that a moved partition
  never looks like new records; and beyond 5,000 label sets of a metric the others appear with their first use.
- A tenant that is added while it runs is shown from then on; what was counted of one that is removed stays.
- `increase()` of a counter that appears with its first use leaves that use out. Where it may not be overlooked ask for
  `max_over_time(X[1h]) unless X offset 1h or increase(X[1h])`, as below and as our alerts and dashboard do.
- A counter has at most some 10,000 label sets: beyond, further ones are counted with `tenant="other"`, so that sums
  stay right and a reading of thousands of tenants stays small.
- What comes from outside is bounded: of `code` and `reason` the first 100 values for each label set before it are
  told apart (64 characters of each), the others are `other`.
- A record of a tenant that is not configured, and a request for one, has `provider="unknown"`, `tenant="unknown"`.
- Times are seconds since the epoch; 0 stands for never.
- A process shows the chapters of the roles it runs.
- Gauges of a partition are gone when it is no longer owned. While it moves, two processes may show it for a moment:
  aggregate by `max by (partition)`.
- The poller counts for every tenant with `polling = true` that is not paused, and shows the gauges of those whose
  partition of cursors it owns: one process at a time polls a tenant. Aggregate by `max by (provider, tenant)`,
  staleness by `min`.
"""


_ADDS_UP: Final = """\
## What adds up

Of one receiver while no delivery is on its way, over the life of its process:

- requests that were answered, or refused by closing the connection
  = `headrace_deliveries_total` + `headrace_checks_total` + `headrace_refusals_total`
- what was acknowledged went to Kafka or into the spool:
  `headrace_accepted_records_total` + `headrace_drained_total`
  = `headrace_raw_appended_total{via="webhook"}` + `headrace_spooled_total`
- every record of raw that woke a feed has its nudge: the records of `nudges` that hold coordinates
  = `headrace_records_total{fate="nudged"}`
- what was ever spooled was drained, waits, or is set aside; the spool keeps these sums over restarts:
  `headrace_spool_put_total`
  = `headrace_spool_drained_total` + `headrace_spool_records` + `headrace_spool_set_aside_records`

Of one poller, over the life of its process, after each turn:

- what feeds brought is what was appended, whether a cursor covers it yet or not:
  `headrace_feed_records_total` = `headrace_raw_appended_total{via="poll"}`
- every turn ended somehow: `headrace_turns_total` = the count of `headrace_turn_duration_seconds`, as
  `headrace_calls_total` = that of `headrace_call_duration_seconds`

Of all processes since the topics were made, once nothing is in flight:

- `headrace_raw_appended_total`, `headrace_nudges_returned_total` and `headrace_held_returned_total` of every process
  there ever was, and what the command line appended,
  = the end offsets of raw = `headrace_position` = the sum of `headrace_records_total` over the fates

The first of these is at most the second: an append whose answer was lost, or came later than two seconds, is made again
and counted once, and what a turn appended before its process was killed is read again. The copies get the fate
`duplicate`, as does whatever a feed reads twice.
"""

_RUNBOOK: Final = "../../../deploy/RUNBOOK.md"
_MUST_HOLD: Final = """\
## What must hold

Each has an alert, by which it is known where it does not, and an entry in the runbook.

| what | expression | alert |
|---|---|---|"""


def page() -> str:
    """Return the definitions as a Markdown page."""
    chapters = (f"## {title}\n\n{_table(families)}\n" for title, families in _CHAPTERS)
    return "\n".join((_HEAD, *chapters, _ADDS_UP, _MUST_HOLD, *map(_row, INVARIANTS), ""))


def _row(one: Invariant) -> str:
    alerts = " ".join(f"[{name}]({_RUNBOOK}#{name.lower()})" for name in one.alerts)
    return f"| {one.what} | `{one.expr}` | {alerts} |"


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
