from typing import Any

import pytest

from headrace.core.problems import Undecodable
from headrace.providers.leadsquared import provider
from headrace.sdk.provider import Identity
from tests.providers.leadsquared.decode_row import GUID, ROW, raw_of

LEAD = "6f1f3a10-5c1e-4b7a-9d43-1f0f6b2ad001"
AT = 1772439360000000


def named(body: Any, hint: str = "") -> Identity:
    """Name a single object."""
    return provider.identity(raw_of(body, hint))


FLAT = {"ProspectActivityId": GUID.upper(), "ActivityEvent": "171", "ModifiedOn": "2026-03-02 08:16:00"}


def test_one_activity_has_one_name_in_all_shapes() -> None:
    """Retrieve, RetrieveByActivityEvent, RetrieveRecentlyModified and webhooks name the same id and version."""
    pairs = {key: value for key, value in ROW.items() if key != "ActivityFields"} | {"Fields": []}
    found = {named(ROW), named(FLAT), named(pairs), named(FLAT | {"Data": {}})}
    assert {(name.resource, name.id, name.version) for name in found} == {("activity", GUID, AT)}


def test_an_item_without_modified_on_has_an_unknown_version() -> None:
    """What the shape does not carry is said to be unknown, not guessed from CreatedOn."""
    item = {key: value for key, value in FLAT.items() if key != "ModifiedOn"} | {"CreatedOn": "2026-03-02 08:15:30"}
    assert named(item).version == "unknown"


def test_a_mirror_has_an_id_of_its_own() -> None:
    """3011 repeats the id of another activity and must not take its place."""
    assert named(ROW | {"EventCode": 3011}).id == f"{GUID}/3011"
    assert named(FLAT | {"ActivityEvent": "3011"}).id == f"{GUID}/3011"


def test_a_deleted_opportunity_is_a_fact_of_its_own() -> None:
    """A deletion never changes again and is no version of the activity."""
    assert named(FLAT | {"ActivityEvent": "12000"}, "opportunity_deleted") == Identity(
        "activity", f"{GUID}/deleted", None
    )


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({"ProspectStage": "New"}, {"ProspectStage": "Won", "OwnerId": "u"}, "lead_stage_changed"),
        ({"OwnerId": "u"}, {"OwnerId": "v", "Score": "2"}, "lead_owner_changed"),
        ({"Score": "1"}, {"Score": "2"}, "lead_score_changed"),
        ({"ProspectStage": None}, {"ProspectStage": "", "Phone": "1"}, "lead_updated"),
    ],
)
def test_the_kind_of_a_change_is_read_from_what_differs(
    before: dict[str, Any], after: dict[str, Any], kind: str
) -> None:
    """Without a kind in the URL stage comes before owner before score."""
    body = {"Before": before, "After": after | {"ProspectID": LEAD.upper(), "ModifiedOn": "3/2/2026 8:16:00 AM"}}
    assert named(body) == Identity("lead", f"{LEAD}/{kind}/{AT}", "unknown")


def test_the_kind_that_is_said_wins() -> None:
    """A kind in the webhook's URL, and its field, are part of the name."""
    body = {"Before": {"ProspectStage": "New"}, "After": {"ProspectID": LEAD, "ModifiedOn": "2026-03-02 08:16:00"}}
    assert named(body, "lead_field_changed:mx_City").id == f"{LEAD}/lead_field_changed:mx_City/{AT}"


def test_a_lead_without_times_is_named_without_one() -> None:
    """ModifiedOn, else CreatedOn, else nothing stands in the name."""
    assert named({"ProspectID": LEAD, "CreatedOn": "2026-03-02 08:16:00"}).id == f"{LEAD}/lead_updated/{AT}"
    assert named({"ProspectID": LEAD}).id == f"{LEAD}/lead_updated"


@pytest.mark.parametrize(
    ("created", "modified", "hint", "kind"),
    [
        ("2026-03-02 08:16:00", "2026-03-02 08:16:00.000", "", "lead_created"),
        ("2026-03-02 08:16:00", "3/2/2026 8:17:00 AM", "", "lead_created"),
        ("2026-03-02 08:16:00", "2026-03-02 08:15:30", "", "lead_created"),
        ("2026-03-02 08:16:00", "2026-03-02 08:17:01", "", "lead_updated"),
        ("2026-03-02 08:16:00", "2026-04-02 08:16:00", "", "lead_updated"),
        ("2026-03-02 08:16:00", None, "", "lead_updated"),
        (None, "2026-03-02 08:16:00", "", "lead_updated"),
        ("2026-03-02 08:16:00", "2026-04-02 08:16:00", "lead_created", "lead_created"),
        ("2026-03-02 08:16:00", "2026-03-02 08:16:00", "lead_updated", "lead_updated"),
    ],
)
def test_a_lead_is_new_where_it_says_so(created: str | None, modified: str | None, hint: str, kind: str) -> None:
    """A flat lead is a creation by its kind, or by times within a minute of each other; else it was updated."""
    name = named({"ProspectID": LEAD, "CreatedOn": created, "ModifiedOn": modified}, hint)
    assert name.id.split("/")[1] == kind


@pytest.mark.parametrize("kind", ["lead_created", "lead_deleted"])
def test_what_happens_to_a_lead_once_has_no_time_in_its_name(kind: str) -> None:
    """A creation that is told twice, ModifiedOn a second later, is one fact; so is any body that tells it."""
    lead = {"ProspectID": LEAD, "CreatedOn": "2026-03-02 08:16:00", "ModifiedOn": "2026-03-02 08:16:00"}
    later = lead | {"ModifiedOn": "2026-03-02 08:16:01", "ProspectStage": "New"}
    facts = {named(body, kind) for body in (lead, later, {"Before": None, "After": later})}
    assert facts == {Identity("lead", f"{LEAD}/{kind}", None)}


def test_a_task_is_created_once() -> None:
    """A creation is a fact of its own, told or seen by times within a minute; what says Before was there already."""
    task = {"UserTaskId": GUID, "CreatedOn": "2026-03-02 08:16:00", "ModifiedOn": "2026-03-02 08:16:20"}
    made = Identity("task", f"{GUID}/created", None)
    assert named(task) == named(task, "task_created") == named(task | {"ModifiedOn": None}, "task_created") == made
    assert named(task | {"StatusCode": 1}).id == named(task, "task_updated").id == GUID
    assert named({"Before": {}, "After": task}).id == GUID
    assert named(task | {"ModifiedOn": "2026-03-02 08:17:01"}).id == named(task | {"ModifiedOn": None}).id == GUID


@pytest.mark.parametrize("key", ["UserTaskId", "TaskId", "TaskID"])
def test_a_task_is_named_by_any_of_its_keys(key: str) -> None:
    """The reads of the API name a task in three ways."""
    assert named({key: GUID.upper(), "ModifiedOn": "2026-03-02 08:16:00.000"}) == Identity("task", GUID, AT)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (ROW | {"Id": ""}, "$.Id"),
        (ROW | {"ModifiedOn": "soon"}, "$.ModifiedOn"),
        (FLAT | {"ProspectActivityId": ""}, "$.ProspectActivityId"),
        ({"After": {"ProspectID": ""}}, "$.After.ProspectID"),
        ({"UserTaskId": 0, "ModifiedOn": True}, "$.ModifiedOn"),
        ({"Before": {}, "After": {"TaskId": ""}}, "$.After.TaskId"),
        ({"Data": []}, "$"),
    ],
)
def test_a_record_without_a_name_says_where_it_lacks(body: dict[str, Any], pointer: str) -> None:
    """The problem points at the value that is missing or wrong."""
    with pytest.raises(Undecodable) as error:
        named(body)
    assert error.value.problem.source is not None
    assert error.value.problem.source.pointer == pointer
