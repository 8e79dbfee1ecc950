"""The second row of the platform's own example page, down to the last key."""

from tests.providers.leadsquared.decode_row import event

ID = "5c92870f-a337-458f-8be1-0e2458513051"
LEAD = "3a6d5ea2-400e-4a2f-a728-fbfa0b0c1ddf"
ROW = {
    "Id": ID,
    "EventCode": 164,
    "EventName": "Custom Object Activity",
    "ActivityScore": 0,
    "CreatedOn": "2018-11-28 06:41:00",
    "ActivityType": 2,
    "IsEmailType": False,
    "Type": "Inbound",
    "SessionId": ID,
    "TrackLocation": 0,
    "Latitude": 0,
    "Longitude": 0,
    "RelatedProspectId": LEAD,
    "Data": [
        {"Key": "CreatedByName", "Value": "Mangesh V. Devikar"},
        {"Key": "EventName", "Value": "Custom Object Activity"},
        {"Key": "NotableEventDescription", "Value": "Lets begin"},
        {"Key": "HasAttachments", "Value": "False"},
    ],
    "ActivityFields": {
        "mx_Custom_1": '{"mx_CustomObject_1":"b35f52a3.png,8c06d158.png","mx_CustomObject_2":"3bf3b3ff.png",'
        '"ModifiedByName":"Mangesh V. Devikar ","ModifiedOn":"2018-11-28 03:49:51","Status":"Pending"}',
        "Status": "Active",
        "Owner": "bf8ce802-836f-11e7-8758-0a106ee76b21",
    },
    "ModifiedOn": "2018-11-28 03:49:51",
}
EVENT = {
    "specversion": "1.0",
    "id": f"activity/{ID}/1543376991000000",
    "source": "/leadsquared/acme",
    "type": "headrace.custom.logged.v1",
    "subject": f"lead/{LEAD}",
    "time": "2018-11-28T06:41:00Z",
    "datacontenttype": "application/json",
    "dataschema": "urn:headrace:event:1",
    "partitionkey": f"/leadsquared/acme/lead/{LEAD}",
    "data": {
        "category": "custom",
        "action": "logged",
        "revised": "2018-11-28T03:49:51Z",
        "refs": {"lead": LEAD, "owner": "bf8ce802-836f-11e7-8758-0a106ee76b21"},
        "actor": {"kind": "user", "name": "Mangesh V. Devikar"},
        "times": {"created": "2018-11-28T06:41:00Z"},
        "title": "Custom Object Activity",
        "text": "Lets begin",
        "fields": {
            "mx_Custom_1": {
                "mx_CustomObject_1": "b35f52a3.png,8c06d158.png",
                "mx_CustomObject_2": "3bf3b3ff.png",
                "ModifiedByName": "Mangesh V. Devikar ",
                "ModifiedOn": "2018-11-28 03:49:51",
                "Status": "Pending",
            }
        },
        "native": {
            "provider": "leadsquared",
            "tenant": "acme",
            "resource": "activity",
            "id": ID,
            "code": "164",
            "name": "Custom Object Activity",
            "status": "Active",
            "extra": {
                "ActivityType": 2,
                "ActivityScore": 0,
                "IsEmailType": False,
                "Type": "Inbound",
                "SessionId": ID,
                "TrackLocation": 0,
                "Latitude": 0,
                "Longitude": 0,
                "Data.HasAttachments": "False",
            },
        },
    },
}


def test_the_golden_event_comes_out_exactly() -> None:
    """A known row gives a known event, but for when and how it came in."""
    written = event(ROW)
    del written["recordedtime"]
    assert written["data"].pop("provenance")["row"] == "100-299 (provisional)"
    assert written == EVENT
