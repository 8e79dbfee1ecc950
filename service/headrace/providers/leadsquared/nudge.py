"""Which feed brings what a webhook told."""

import re
from typing import Final

from headrace.providers.leadsquared.settings import LeadSquaredSettings
from headrace.providers.leadsquared.wire import BY_CODE, FEED
from headrace.sdk.provider import Draft, Nudge, Tenant
from headrace.sdk.settings import settings_of

SPAN_SECONDS: Final = 300
"""How far ModifiedOn of a lead and CreatedOn of the activity that says the same may lie apart."""
APART_MS: Final = (SPAN_SECONDS * 1000, SPAN_SECONDS * 1000)
_SYSTEM: Final = re.compile(r"3\d{3}")
_POLLED_AS: Final = {"lead_stage_changed": "3002", "lead_owner_changed": "3001"}
"""The codes of the activities that say the same as a webhook of a lead: they share no id with it."""


def nudge(draft: Draft, settings: Tenant) -> Nudge | None:
    """Return the nudge of the lead's feed, None where no activity says the same, or `codes` leave that one out.

    Where leads are not read by themselves, it is that of the feed that reads code by code.
    """
    own, native = settings_of(settings, LeadSquaredSettings), draft.data.native
    lead = own.canonical_lead((draft.data.refs or {}).get("lead", ""))
    if lead is None or draft.row.action == "deleted":  # no list holds what is gone
        return None
    shared = native.resource == "activity"
    if shared and "/" in native.id:  # an automation does not say which activity it posts
        return None
    code = native.code if shared else _POLLED_AS.get(native.code or "")
    if code is None:
        return None
    if own.reads(FEED):
        codes = own.lead_activities.codes
        if codes and code not in map(str, codes):
            return None
        return Nudge(FEED, lead) if shared else Nudge(FEED, lead, traits={"lead": lead}, span=SPAN_SECONDS)
    return Nudge(BY_CODE, lead) if shared and own.reads(BY_CODE) and _is_read(code, own) else None


def _is_read(code: str, own: LeadSquaredSettings) -> bool:
    """Return whether a stream of its own is sure to bring a code: whether those from 3000 on are served is unknown."""
    codes = own.activities_by_code.codes
    return code in map(str, codes) if codes else not _SYSTEM.fullmatch(code)
