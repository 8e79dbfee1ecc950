"""What an alert is, and the expressions that several of them share."""

from typing import Final, Literal

from msgspec import Struct

BY_TENANT: Final = "by (provider, tenant)"
BY_FEED: Final = "by (provider, tenant, feed)"


class Alert(Struct, frozen=True, kw_only=True):
    """One alert: `lasts` is how long `expr` has to hold before it fires, as Prometheus writes a duration.

    `critical`: something is lost or about to be, or nothing flows: now. `warning`: something is not read, or not as it
    should be: today. `info`: something that somebody has to decide on. `summary` and `description` are templates of
    Prometheus; the entry of the runbook has the alert's name.
    """

    name: str
    expr: str
    severity: Literal["critical", "warning", "info"]
    summary: str
    description: str
    lasts: str = "0s"


def grew(series: str, span: str) -> str:
    """Return the expression for what a counter grew by within a span, with what a series was born with.

    `increase()` alone leaves out the first value of a series that appears with its first use.
    """
    return f"max_over_time({series}[{span}]) unless {series} offset {span} or increase({series}[{span}])"


def gone(series: str) -> str:
    """Return the expression for: of a job that showed a series within a day, nothing shows it any more.

    A job is one installation where the PodMonitor scrapes it, so that one does not stand in for another that is gone.
    """
    return f"count by (job) (count_over_time({series}[1d])) unless on (job) {series}"
