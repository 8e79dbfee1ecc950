"""Which feed brings what a webhook told."""

from headrace.providers.leadping import wire
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.sdk.ids import can_be_id
from headrace.sdk.provider import Draft, Nudge, Tenant
from headrace.sdk.settings import settings_of


def nudge(draft: Draft, settings: Tenant) -> Nudge | None:
    """Return the nudge of the feed for the event, where it has a name of its own there, and its lead."""
    own, native = settings_of(settings, LeadPingSettings), draft.data.native
    lead = own.canonical_lead((draft.data.refs or {}).get("lead", ""))
    event = native.id if native.resource == "activity" and can_be_id(native.id) else None
    return Nudge(wire.FEED, lead, event) if own.reads(wire.FEED) and (lead or event) else None
