"""How credentials of LeadPing are tried: one row of the list that the feeds read is asked for."""

from headrace.providers.leadping.settings import BASE_URL, LeadPingSettings
from headrace.providers.leadping.tenant_list import PROBED_MS, page_call, tenant_lists
from headrace.providers.leadping.wire import TENANT_FEED
from headrace.sdk.probe import AccessProbe
from headrace.sdk.provider import Tenant
from headrace.sdk.settings import settings_of


def probe(settings: Tenant, now: int) -> AccessProbe:
    """Return the calls for the last minute of the organization's list, of any generation; else of one user's view."""
    own = settings_of(settings, LeadPingSettings)
    organization = own.organization if not own.feeds or TENANT_FEED in own.feeds else None
    return AccessProbe(
        calls=tuple(page_call(each.path, now - PROBED_MS, now, 1) for each in tenant_lists(organization, organization)),
        reads="events of the organization" if organization else "events, as one user sees them",
        credentials="set api_key to a key of the organization that was not revoked; a source's key is none",
        scopes="set organization to the id of the key's own organization, and let the key read events",
        address=f"leave base_url out, or set it to {BASE_URL}",
    )
