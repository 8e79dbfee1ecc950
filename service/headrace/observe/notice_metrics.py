"""The metrics of a process's notices."""

from headrace.observe.notices import Notices
from headrace.observe.registry import Registry


def show_notices(notices: Notices, registry: Registry) -> None:
    """Show what is open, written and dropped at each reading."""
    held = registry.series("headrace_notices_open")
    written = registry.series("headrace_notices_written_total")
    dropped = registry.series("headrace_notices_dropped_total")

    def show() -> None:
        for kind, count in notices.open_kinds().items():
            held.values[str(kind),] = count
        written.values[()], dropped.values[()] = notices.wrote, notices.dropped

    registry.before_scrape(show)
