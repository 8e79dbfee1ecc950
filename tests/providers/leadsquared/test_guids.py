from typing import Any

import pytest

from headrace.core.problems import Undecodable
from headrace.providers.leadsquared import provider
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.settings import LeadSquaredSettings
from tests.providers.leadsquared.decode_row import GUID, ROW, event, raw_of

EMPTY = "00000000-0000-0000-0000-000000000000"
LEAD = "6f1f3a10-5c1e-4b7a-9d43-1f0f6b2ad001"
FORMS = [
    LEAD.upper(),
    f"{{{LEAD}}}",
    f" {LEAD}\t",
    f"({LEAD.upper()})",
    LEAD.replace("-", ""),
    f"{{ {LEAD} }}",
]
EMPTIES = [EMPTY, f"{{{EMPTY}}}", "0" * 32, f" {EMPTY}", " ", ""]


@pytest.mark.parametrize("form", FORMS)
def test_a_guid_has_one_form(form: str) -> None:
    """Case, braces, spaces and missing dashes make no other id, wherever it stands."""
    assert one_guid(form) == LEAD
    assert provider.identity(raw_of(ROW | {"Id": form})).id == LEAD
    assert provider.identity(raw_of({"UserTaskId": form})).id == LEAD
    assert provider.identity(raw_of({"ProspectID": form}, "lead_created")).id == f"{LEAD}/lead_created"
    row = ROW | {"RelatedProspectId": form, "RelatedOpportunityId": form, "ActivityFields": {"Owner": form}}
    found = event(row)
    assert found["subject"] == f"lead/{LEAD}"
    assert found["data"]["refs"] == {"lead": LEAD, "owner": LEAD, "opportunity": LEAD}
    assert LeadSquaredSettings().canonical_lead(form.strip()) == LEAD


@pytest.mark.parametrize("none", EMPTIES)
def test_an_empty_guid_names_nothing(none: str) -> None:
    """Guid.Empty says that there is no lead, owner, opportunity or creator; no record has it for a name."""
    fields = {"Owner": none, "CreatedBy": none}
    found = event(ROW | {"RelatedProspectId": none, "RelatedOpportunityId": none, "ActivityFields": fields})
    assert found["subject"] == f"activity/{GUID}"
    assert "refs" not in found["data"]
    assert "actor" not in found["data"]
    task = {"UserTaskId": GUID, "RelatedEntity": "1", "RelatedEntityId": none, "OwnerId": none, "CreatedBy": none}
    assert event(task, "task_created")["data"]["refs"] == {"task": GUID}
    lead = event({"ProspectID": LEAD, "OwnerId": none, "RelatedCompanyId": none, "CreatedBy": none}, "lead_created")
    assert lead["data"]["refs"] == {"lead": LEAD}
    assert "actor" not in lead["data"]
    with pytest.raises(Undecodable, match="an id is never empty"):
        provider.identity(raw_of(ROW | {"Id": none}))


def test_what_is_no_guid_keeps_its_characters() -> None:
    """An owner may be written as a name with an address."""
    assert one_guid("Nora Sample (nora@example.com)") == "nora sample (nora@example.com)"


def test_another_form_of_a_value_is_no_change() -> None:
    """Neither braces, nor a number as text, nor the other form of a time change a lead."""
    before = {"ProspectID": LEAD, "OwnerId": f"{{{LEAD}}}", "Score": "7", "mx_Visit": "3/2/2026 9:00:00 AM"}
    after = {"ProspectID": LEAD.upper(), "OwnerId": LEAD, "Score": 7.0, "mx_Visit": "2026-03-02 09:00:00"}
    body = {"Before": before, "After": after | {"City": "Ghent"}}
    assert provider.identity(raw_of(body)).id == f"{LEAD}/lead_updated"
    assert event(body)["data"]["native"]["extra"]["Changed"] == ["City"]


SYSTEM = {"kind": "system", "name": "System"}


@pytest.mark.parametrize(
    ("body", "hint", "actor"),
    [
        (ROW | {"Data": [{"Key": "CreatedByName", "Value": "System"}]}, "", SYSTEM),
        (ROW | {"Data": [{"Key": "CreatedBy", "Value": "system"}]}, "", SYSTEM | {"name": "system"}),
        ({"ProspectActivityId": GUID, "ActivityEvent": 171, "CreatedByName": " System ", "Data": {}}, "", SYSTEM),
        ({"ProspectID": LEAD, "CreatedByName": "System", "CreatedBy": LEAD}, "lead_created", SYSTEM | {"id": LEAD}),
        ({"TaskId": GUID, "CreatedByName": "System"}, "task_created", SYSTEM),
        (
            ROW | {"Data": [{"Key": "CreatedByName", "Value": "Ada Systema"}]},
            "",
            {"kind": "user", "name": "Ada Systema"},
        ),
    ],
)
def test_what_the_system_did_no_user_did(body: dict[str, Any], hint: str, actor: dict[str, str]) -> None:
    """`System` is the platform, in activities, leads and tasks."""
    found = event(body, hint)["data"]["actor"]
    assert {key: value.strip() for key, value in found.items()} == actor


OTHERS = {"Address": "1 Roof Lane", "City": "Ghent", "Tags": [None, "a"], "Nothing": None, "Empty": ""}
CARRIED = {"Address": "1 Roof Lane", "City": "Ghent", "Tags": ["a"]}


@pytest.mark.parametrize(
    "body",
    [
        ROW,
        {key: value for key, value in ROW.items() if key != "ActivityFields"} | {"Fields": []},
        {"ProspectActivityId": GUID, "ActivityEvent": 171, "Data": {}},
    ],
)
def test_what_has_no_place_in_a_record_is_not_lost(body: dict[str, Any]) -> None:
    """Keys that only some accounts have beside the known ones are in `native.extra`."""
    extra = event(body | OTHERS)["data"]["native"]["extra"]
    assert extra == event(body)["data"]["native"].get("extra", {}) | CARRIED
