"""Which feed brings what a webhook told."""

from typing import Final

from headrace.providers.leadping import wire
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.sdk.ids import can_be_id
from headrace.sdk.provider import Draft, Nudge, Tenant
from headrace.sdk.settings import settings_of

SPAN_SECONDS: Final = 300
"""How far the times of a call may lie apart, as its own record and as its event have them."""
APART_MS: Final = (2 * 3_600_000, SPAN_SECONDS * 1000)
"""So long before a fact its row may have been created, which is the longest call, and so long after it."""


def nudge(draft: Draft, settings: Tenant) -> Nudge | None:
    """Return the nudge of the feed for the event, where it has a name of its own there, and its lead.

    The feed of the leads is asked where it is read: it reads one lead, and nothing else.
    Whether calls and messages share their ids with the events of the list is not documented: they are compared.
    """
    own, native = settings_of(settings, LeadPingSettings), draft.data.native
    lead = own.canonical_lead((draft.data.refs or {}).get("lead", ""))
    feed = next((each for each in (wire.FEED, wire.TENANT_FEED) if own.reads(each)), None)
    if feed is None:
        return None
    if native.resource == "activity":
        event = native.id if can_be_id(native.id) else None
        return Nudge(feed, lead, event) if lead or event else None
    return Nudge(feed, lead, traits={"lead": lead}, span=SPAN_SECONDS) if lead else None
