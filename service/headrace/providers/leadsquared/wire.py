"""The payload shapes of LeadSquared, as it sends them.

Strict where a record would have no name, place or time without the value; `Any` where generations and accounts differ
(numbers come as strings and the other way round) and the value only travels on. The documentation of webhooks and
reads: https://apidocs.leadsquared.com; what it leaves out was seen on live accounts in 2026 (README.md).
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

NAME: Final = "leadsquared"
FEED: Final = "lead-activities"
"""The feed that reads the activities of one lead."""
BY_CODE: Final = "activities-by-code"
"""The feed that reads the activities of the account, code by code."""
LEADS: Final = "modified-leads"
"""The feed that finds the leads that were changed."""

RESOURCES: Final = {
    "activity": "pages or rows of Retrieve, RetrieveByActivityEvent, RetrieveRecentlyModified; activity webhooks",
    "lead": "lead webhooks: a flat lead, or Before and After",
    "task": "task webhooks: a flat task, or Before and After",
}
TABLE: Final = "event"
TABLES: Final = {
    TABLE: "EventCode of API rows, ActivityEvent of webhooks, or the kind of a webhook that carries no code"
}

LEAD_ACTIVITY: Final = "lead-activity"
"""A row of `ProspectActivity.svc/Retrieve`: custom fields are the object `ActivityFields`, `Data` is a list.

https://apidocs.leadsquared.com/get-activities-of-a-lead/
"""
MODIFIED_ACTIVITY: Final = "modified-activity"
"""A row of `RetrieveRecentlyModified`: as above, but custom fields are the list of pairs `Fields`."""
CODE_ACTIVITY: Final = "code-activity"
"""A row of `RetrieveByActivityEvent`: flat, custom fields beside the others, no name of the code."""
WEBHOOK_ACTIVITY: Final = "webhook-activity"
"""An item of an activity webhook: here `Data` is the object of custom fields, and ModifiedOn may be missing.

https://apidocs.leadsquared.com/webhooks/
"""
AUTOMATION_ACTIVITY: Final = "automation-activity"
"""What an automation posts of an activity: its code and its lead, flat, and no id of the activity."""
LEAD: Final = "lead"
"""A flat lead, as the lead create webhook brings it."""
LEAD_CHANGE: Final = "lead-change"
"""`{"Before": lead, "After": lead}`, as the lead update, stage, owner, score and field webhooks bring it."""
TASK: Final = "task"
"""A flat task, as the task webhooks bring it: the fields are those of https://apidocs.leadsquared.com/retrieve-tasks/."""
TASK_CHANGE: Final = "task-change"
"""`{"Before": task, "After": task}`."""

Fields = dict[str, Any]


class Pair(Struct, rename="pascal", gc=False):
    """One entry of a `Data` or `Fields` list."""

    key: str
    value: Any = None


class LeadSquaredActivity(Struct, rename="pascal", gc=False):
    """A row of Retrieve or of RetrieveRecentlyModified."""

    id: str
    event_code: int | str
    event_name: str | None = None
    created_on: str | None = None
    modified_on: str | None = None
    related_prospect_id: str | None = None
    related_opportunity_id: str | None = None
    activity_fields: Fields | None = None
    fields: list[Pair] | None = None
    data: list[Pair] | None = None
    activity_type: Any = None
    activity_score: Any = None
    is_email_type: Any = None
    type: Any = None
    session_id: Any = None
    track_location: Any = None
    latitude: Any = None
    longitude: Any = None


class KnownActivity(LeadSquaredActivity, rename="pascal", gc=False, forbid_unknown_fields=True):
    """A row without any other key."""


class ActivityByCode(Struct, rename="pascal", gc=False):
    """The fields of a flat row that we know; the row is read once more as a whole for the others."""

    prospect_activity_id: str
    activity_event: int | str
    activity_event_name: str | None = None
    created_on: str | None = None
    modified_on: str | None = None
    related_prospect_id: str | None = None
    related_opportunity_id: str | None = None
    created_by_name: str | None = None


class ActivityItem(Struct, rename="pascal", gc=False):
    """An item of an activity webhook, of an opportunity webhook too (code 12000 and up, no name)."""

    prospect_activity_id: str
    activity_event: int | str
    activity_event_name: str | None = None
    created_on: str | None = None
    modified_on: str | None = None
    related_prospect_id: str | None = None
    related_opportunity_id: str | None = None
    created_by: str | None = None
    created_by_name: str | None = None
    data: Fields | str | None = None
    activity_type: Any = None
    score: Any = None


class KnownItem(ActivityItem, rename="pascal", gc=False, forbid_unknown_fields=True):
    """An item without any other key."""


class ActivityKey(Struct, rename="pascal", gc=False):
    """What names an API row of an activity."""

    id: str
    event_code: int | str
    modified_on: str | None = None


class ItemKey(Struct, rename="pascal", gc=False):
    """What names a flat row or a webhook item."""

    prospect_activity_id: str
    activity_event: int | str
    modified_on: str | None = None


class AutomationKey(Struct, rename="pascal", gc=False):
    """What names an activity that an automation posts, under either name of its lead."""

    activity_event: int | str
    activity_name: str | None = None
    activity_event_name: str | None = None
    created_on: str | None = None
    modified_on: str | None = None
    prospect_id: str | None = field(default=None, name="ProspectID")
    related_prospect_id: str | None = None
    related_opportunity_id: str | None = None


class LeadKey(Struct, rename="pascal", gc=False):
    """What names a lead, and what the kinds of its changes differ in."""

    prospect_id: str = field(name="ProspectID")
    created_on: str | None = None
    modified_on: str | None = None
    prospect_stage: Any = None
    owner_id: Any = None
    score: Any = None


class LeadBefore(Struct, rename="pascal", gc=False):
    """The values of the lead before that the kinds of changes differ in."""

    prospect_stage: Any = None
    owner_id: Any = None
    score: Any = None


class LeadChangeKey(Struct, rename="pascal", gc=False):
    """What names the change of a lead."""

    after: LeadKey
    before: LeadBefore | None = None


class RecordChange(Struct, rename="pascal", gc=False):
    """A lead or task before and after."""

    after: Fields
    before: Fields | None = None


class Probe(Struct, rename="pascal", gc=False):
    """The keys that show what a body is; values stay undecoded. The lists are pages."""

    prospect_activities: Raw | UnsetType = UNSET
    rows: Raw | UnsetType = field(default=UNSET, name="List")
    id: Raw | UnsetType = UNSET
    event_code: Raw | UnsetType = UNSET
    prospect_activity_id: Raw | UnsetType = UNSET
    activity_event: Raw | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    after: Raw | UnsetType = UNSET
    prospect_id: Raw | UnsetType = field(default=UNSET, name="ProspectID")
    related_prospect_id: Raw | UnsetType = UNSET
    user_task_id: Raw | UnsetType = UNSET
    task_id: Raw | UnsetType = UNSET
    task_id_in_capitals: Raw | UnsetType = field(default=UNSET, name="TaskID")


decode_activity: Final = msgspec.json.Decoder(LeadSquaredActivity).decode
decode_known_activity: Final = msgspec.json.Decoder(KnownActivity).decode
decode_known_item: Final = msgspec.json.Decoder(KnownItem).decode
decode_by_code: Final = msgspec.json.Decoder(ActivityByCode).decode
decode_item: Final = msgspec.json.Decoder(ActivityItem).decode
decode_activity_key: Final = msgspec.json.Decoder(ActivityKey).decode
decode_item_key: Final = msgspec.json.Decoder(ItemKey).decode
decode_automation: Final = msgspec.json.Decoder(AutomationKey).decode
decode_lead_key: Final = msgspec.json.Decoder(LeadKey).decode
decode_change_key: Final = msgspec.json.Decoder(LeadChangeKey).decode
decode_change: Final = msgspec.json.Decoder(RecordChange).decode
decode_fields: Final = msgspec.json.Decoder(Fields).decode
probe: Final = msgspec.json.Decoder(Probe)
decode_any: Final = msgspec.json.Decoder(Any).decode
decode_raw: Final = msgspec.json.Decoder(Raw).decode
