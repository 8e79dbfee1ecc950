"""The objective of webhooks: 99 of 100 are visible within 150 ms. Rules, and alerts on how fast it is used up.

Each alert looks at a long window, which says that it matters, and at a short one, which says that it goes on
(https://sre.google/workbook/alerting-on-slos/). Both have to be `burn` times the share that may be late; and so that
one slow event of a quiet night wakes nobody, some have to be late in the long one.
"""

from typing import Final

from msgspec import Struct

from headrace.observe.alerts.alert import Alert

MAY_BE_LATE: Final = 0.01
LEAST_LATE: Final = 5
"""Events that have to be late within the long window."""
_ALL: Final = "headrace_webhooks_published_total"
_LATE: Final = f'{_ALL}{{visible="late"}}'


class Recording(Struct, frozen=True):
    """A recording rule: what `name` is."""

    name: str
    expr: str


class BurnRate(Struct, frozen=True):
    """How fast the share that may be late is used up: `burn` times as fast as it may be over 30 days.

    `lasts` keeps a Prometheus that has only begun from taking its first minute for the long window.
    """

    long: str
    short: str
    burn: float
    lasts: str
    urgent: bool


BURN_RATES: Final = (
    BurnRate("1h", "5m", 14.4, "2m", urgent=True),
    BurnRate("6h", "30m", 6, "15m", urgent=True),
    BurnRate("1d", "2h", 3, "1h", urgent=False),
    BurnRate("3d", "6h", 1, "1h", urgent=False),
)


def late_ratio(span: str) -> str:
    """Return the name of the series that says which share of webhooks was late within a span."""
    return f"headrace:webhooks_late:ratio_rate{span}"


RECORDINGS: Final = (
    *(
        Recording(late_ratio(span), f"sum(rate({_LATE}[{span}])) / sum(rate({_ALL}[{span}]))")
        for span in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
    ),
    Recording("headrace:records_lost:sum", 'sum(max by (job, partition) (headrace_records_total{fate="lost"}))'),
    Recording(
        "headrace:records_without_fate:sum",
        "sum(abs(sum by (instance, partition) (headrace_records_total) - on (instance, partition) headrace_position))",
    ),
    Recording(
        "headrace:spool_unaccounted:sum",
        "sum(abs(headrace_spool_put_total - headrace_spool_drained_total - headrace_spool_records"
        " - headrace_spool_set_aside_records))",
    ),
)
"""The share of late webhooks by span; and what is lost, which has to be 0: there is no share that may be."""


def _alert(rate: BurnRate) -> Alert:
    most = f"{rate.burn * MAY_BE_LATE:g}"
    return Alert(
        name=f"HeadraceWebhooksLate{rate.long}",
        expr=(
            f"{late_ratio(rate.long)} > {most} and {late_ratio(rate.short)} > {most} "
            f"and sum(increase({_LATE}[{rate.long}])) > {LEAST_LATE}"
        ),
        lasts=rate.lasts,
        severity="critical" if rate.urgent else "warning",
        summary=f"More than {rate.burn * MAY_BE_LATE:.3g} of the webhooks of the last {rate.long} took over 150 ms",
        description=(
            f"99 of 100 should be visible within 150 ms. Of the last {rate.long} {{{{ $value | humanizePercentage }}}} "
            f"were not, and it goes on: that uses up what may be late of 30 days {rate.burn:g} times too fast."
        ),
    )


ALERTS: Final = tuple(_alert(rate) for rate in BURN_RATES)
