"""Which feed brings what a webhook told."""

from headrace.providers.outreach.wire import FEED
from headrace.sdk.provider import Draft, Nudge, Tenant


def nudge(draft: Draft, settings: Tenant) -> Nudge | None:
    """Return the nudge of the feed, which asks for every event; the id of the event in question is never known."""
    return Nudge(FEED, lead=(draft.data.refs or {}).get("lead")) if settings.reads(FEED) else None
