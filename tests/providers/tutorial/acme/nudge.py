"""Step 10. Which feed brings what a webhook told."""

from headrace.sdk.provider import Draft, Nudge, Tenant
from tests.providers.tutorial.acme.wire import FEED


def nudge(draft: Draft, settings: Tenant) -> Nudge | None:
    """Return the nudge of the feed for an event; the table says of none that it is left to the feed."""
    return Nudge(FEED, event=draft.data.native.id) if settings.reads(FEED) else None
