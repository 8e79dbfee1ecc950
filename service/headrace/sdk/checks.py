"""What the settings of a polled tenant must have together."""

from collections.abc import Iterator, Sequence

from headrace.core.mapping_file import did_you_mean
from headrace.sdk.settings import PolledTenant


def check(
    settings: PolledTenant, feeds: Sequence[str], credentials: Sequence[Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Give the faults of unknown feeds, and of polling without one of the sets of `credentials` whole."""
    for name in settings.feeds:
        if name not in feeds:
            # What stands there is not repeated: it may be something that went astray.
            yield "feeds", f"names a feed that is none of {', '.join(feeds)}{did_you_mean(name, feeds)}"
    if not all(map(settings.canonical_lead, settings.leads)):
        yield "leads", "names something that can be no lead's id"
    if settings.polling and not any(all(getattr(settings, key) for key in each) for each in credentials):
        needed = ", or ".join(" and ".join(each) for each in credentials)
        yield "polling", f"needs {needed} (or each with _file behind it)"
