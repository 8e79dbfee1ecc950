"""What an automation posts of an activity: a code and a lead, flat, and no id of the activity."""

from typing import Any

import pytest

from headrace.providers.leadsquared import provider, wire
from headrace.providers.leadsquared.settings import LeadSquaredSettings
from headrace.sdk.provider import Draft
from headrace_events import Via
from tests.providers.leadsquared.decode_row import draft, event, explained, raw_of
from tests.providers.leadsquared.test_unedited import fates_of
from tests.providers.leadsquared.twins import rendering

LEAD = "7a1f3a10-5c1e-4b7a-9d43-1f0f6b2ad0c1"
BODY = {
    "EmailAddress": "visitor@example.net",
    "ProspectID": LEAD.upper(),
    "ActivityEvent": 4711,
    "ActivityName": "Open Day Registration",
    "CampaignId": "roofs-1",
}
OVERLAY = """
[[row]]
code = "4711"
type = "form.submitted"
lift = { CampaignId = "refs.campaign" }
"""


def test_an_activity_of_an_automation_is_no_new_lead() -> None:
    """Without a row it is unmapped, with all that it carries."""
    found = event(BODY)
    assert found["type"] == "headrace.unmapped.v1"
    assert found["subject"] == f"lead/{LEAD}"
    assert found["data"]["refs"] == {"lead": LEAD}
    assert found["data"]["title"] == "Open Day Registration"
    assert found["data"]["fields"] == {"EmailAddress": "visitor@example.net", "CampaignId": "roofs-1"}
    native = found["data"]["native"]
    assert (native["resource"], native["code"], native["name"]) == ("activity", "4711", "Open Day Registration")


def test_an_overlay_maps_the_code_of_an_automation() -> None:
    """A row of the tenant's decides and lifts as for any activity."""
    found = event(BODY, overlay=OVERLAY)
    assert found["type"] == "headrace.form.submitted.v1"
    assert found["data"]["refs"] == {"lead": LEAD, "campaign": "roofs-1"}


@pytest.mark.parametrize("hint", ["", "lead_created", "lead_updated"])
def test_the_kind_in_the_url_makes_no_lead_of_it(hint: str) -> None:
    """Whatever the webhook's URL says, what has a code is an activity."""
    assert event(BODY, hint)["type"] == "headrace.unmapped.v1"


def test_automations_are_told_apart_by_what_they_carry() -> None:
    """Another campaign is another fact; the same content, spelled in another way, is the same."""
    other = BODY | {"CampaignId": "roofs-2"}
    same = dict(reversed(BODY.items())) | {"ProspectID": LEAD, "Extra": None, "More": "", "Status": " in progress"}
    bodies = [BODY | {"Status": "InProgress"}, other, same, other]
    renderings = [rendering(wire.AUTOMATION_ACTIVITY, Via.WEBHOOK, body) for body in bodies]
    assert fates_of(renderings, polling=False) == ["published", "published", "duplicate", "duplicate"]
    assert fates_of(renderings, polling=True) == ["published", "published", "duplicate", "duplicate"]


@pytest.mark.parametrize(
    "body",
    [
        {"RelatedProspectId": LEAD, "ActivityEvent": "4711"},
        {"ProspectID": LEAD, "ActivityEvent": "4711", "ActivityEventName": "Open Day", "Note": "came by car"},
    ],
)
def test_other_names_of_the_same_keys_are_read(body: dict[str, Any]) -> None:
    """The lead may be RelatedProspectId, the name ActivityEventName."""
    found = event(body)
    assert (found["type"], found["subject"]) == ("headrace.unmapped.v1", f"lead/{LEAD}")
    assert found["data"].get("text") == body.get("Note")


def test_a_deal_that_says_no_time_is_not_created() -> None:
    """An automation about an opportunity says neither its id nor when it was made."""
    found = event({"ProspectID": LEAD, "ActivityEvent": "12000"})
    assert found["type"] == "headrace.opportunity.updated.v1"
    assert "opportunity" not in found["data"]["refs"]


def test_no_feed_brings_an_automation_under_its_name() -> None:
    """It names no activity, so an overlay cannot leave it to polling."""
    found = draft(BODY)
    assert isinstance(found, Draft)
    assert raw_of(BODY).shape == wire.AUTOMATION_ACTIVITY
    assert provider.nudge(found, LeadSquaredSettings(polling=True)) is None


def test_the_platforms_own_opportunity_is_not_overwritten() -> None:
    """A field that a row lifts there stays in the fields, and explain says so."""
    deal = "5b2f3a10-5c1e-4b7a-9d43-1f0f6b2ad0c1"
    overlay = OVERLAY.replace("refs.campaign", "refs.opportunity")
    body = BODY | {"RelatedOpportunityId": deal}
    found = event(body, overlay=overlay)
    assert found["data"]["refs"] == {"lead": LEAD, "opportunity": deal}
    assert found["data"]["fields"]["CampaignId"] == "roofs-1"
    assert explained(body, overlay=overlay).misfits == [
        "CampaignId stays in fields: refs.opportunity has a value already"
    ]
    assert event(BODY, overlay=overlay)["data"]["refs"]["opportunity"] == "roofs-1"
