"""The gauges of the loss ledger: the last closed hour of each tenant, zeros where none is closed."""

from typing import Final

from headrace.observe.registry import Registry
from headrace.records.ledger_hour import HOUR_SECONDS, LedgerHour


class LedgerGauges:
    """What is shown of the tenants, by provider and tenant."""

    def __init__(self, registry: Registry) -> None:
        self._facts: Final = registry.series("headrace_ledger_facts")
        self._lost: Final = registry.series("headrace_ledger_lost_ratio")
        self._hour: Final = registry.series("headrace_ledger_hour_timestamp_seconds")

    def clear(self) -> None:
        """Show no tenant."""
        for series in (self._facts, self._lost, self._hour):
            series.values.clear()

    def show(self, labels: tuple[str, str], number: int, hour: LedgerHour) -> None:
        """Show an hour by its number since the epoch."""
        for via, count in (("both", hour.both), ("webhook", hour.webhook), ("poll", hour.poll)):
            self._facts.values[*labels, via] = max(0, count)
        self._lost.values[*labels, "webhook"] = hour.webhooks_lost
        self._lost.values[*labels, "poll"] = hour.polling_lost
        self._hour.values[labels] = number * HOUR_SECONDS
