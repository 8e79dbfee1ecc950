"""How credentials of Outreach are tried: the newest event is asked for, as the feed does."""

from headrace.providers.outreach.pager import NEWEST, is_page
from headrace.providers.outreach.settings import BASE_URL
from headrace.sdk.probe import AccessProbe
from headrace.sdk.provider import Tenant


def probe(settings: Tenant, now: int) -> AccessProbe:  # noqa: ARG001  (the contract's)
    """Return the call for the newest event: it needs the scope of the feed, and tells what is left of the hour."""
    return AccessProbe(
        calls=(NEWEST,),
        is_answer=is_page,
        reads="events",
        credentials="set a new access_token, or authorize the app again and set its refresh_token",
        scopes=(
            "authorize the app again with the scope events.read, which no write scope includes; a token that ended may "
            "get this answer, too"
        ),
        address=f"leave base_url out, or set it to {BASE_URL}",
    )
