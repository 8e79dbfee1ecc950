"""What is shown of the configuration in force: metrics, and a line in the answer to the probe of readiness."""

from typing import Final

from headrace.config.live import LiveConfig
from headrace.observe.health import Check, HealthReport
from headrace.observe.registry import Registry

MOST_SHOWN: Final = 5
"""Faults and keys in one line."""


class LiveReport:
    """Shows `live`. A configuration that is refused leaves a process ready: it works with the one before."""

    def __init__(self, live: LiveConfig, registry: Registry) -> None:
        self._live: Final = live
        self._since: Final = registry.series("headrace_configuration_loaded_timestamp_seconds")
        self._refused: Final = registry.series("headrace_configuration_refused")
        self._unread: Final = registry.series("headrace_configuration_files_unread")
        self._waiting: Final = registry.series("headrace_configuration_restart_needed")
        registry.before_scrape(self._show)

    def startup(self) -> HealthReport:
        """Return nothing: it is checked before anything starts."""
        return HealthReport(())

    def live(self) -> HealthReport:
        """Return nothing, as above."""
        return HealthReport(())

    def ready(self) -> HealthReport:
        """Return what is in force, and what is not: neither makes a process unready."""
        live, why = self._live, "the files are in force"
        if live.refused:
            why = f"refused, what was in force before stays: {_listed(live.refused)}"
        elif live.needs_restart:
            why = f"needs a restart: {_listed(live.needs_restart)}"
        return HealthReport((Check("process", "configuration", ok=True, why=why),))

    def _show(self) -> None:
        live = self._live
        self._since.values[()] = round(live.since, 3)
        self._refused.values[()] = len(live.refused)
        self._unread.values[()] = live.unread
        self._waiting.values[()] = len(live.needs_restart)


def _listed(lines: tuple[str, ...]) -> str:
    more = len(lines) - MOST_SHOWN
    return "; ".join(lines[:MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")
