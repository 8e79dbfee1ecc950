"""The feeds that there are: the list of each lead, and the list of all leads."""

from collections.abc import Sequence

from headrace.providers.leadping.lead_events import LeadEventsFeed
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.providers.leadping.tenant_events import TenantEventsFeed
from headrace.sdk.feed import Feed
from headrace.sdk.provider import Tenant
from headrace.sdk.settings import settings_of


def feeds(settings: Tenant) -> Sequence[Feed]:
    """Return the feeds that are switched on: one is read for every lead that is watched, one for all of them."""
    own = settings_of(settings, LeadPingSettings)
    both: tuple[Feed, ...] = (LeadEventsFeed(own.lead_events), TenantEventsFeed(own))
    return tuple(feed for feed in both if not own.feeds or feed.name in own.feeds)
