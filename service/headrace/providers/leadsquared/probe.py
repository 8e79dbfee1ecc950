"""How credentials of LeadSquared are tried: the catalogue of activity types is asked for."""

from headrace.providers.leadsquared.activity_lists import TYPES, is_list_of_types
from headrace.sdk.probe import AccessProbe
from headrace.sdk.provider import Tenant


def probe(settings: Tenant, now: int) -> AccessProbe:  # noqa: ARG001  (the contract's)
    """Return the call for the activity types: it is small, and needs no lead, code or time.

    A host of another region refuses good keys as if they were wrong.
    """
    return AccessProbe(
        calls=(TYPES,),
        is_answer=is_list_of_types,
        reads="activity types",
        credentials=(
            "compare access_key and secret_key with those of the account's user, and base_url with the account's "
            "region: any other refuses good keys"
        ),
        scopes="let the user of these keys read activities and leads",
        address="set base_url to the API host of the account's region, such as https://api-in21.leadsquared.com",
    )
