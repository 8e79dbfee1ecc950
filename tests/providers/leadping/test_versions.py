"""Versions: what makes one, and that the shapes of one event agree."""

from typing import Any

import pytest
from msgspec.structs import replace

from headrace.core.timestamps import micros
from headrace.normalizer.dedupe import judge, settle
from headrace.providers.leadping import provider
from headrace.records.event import meaning_of
from headrace.records.mark import Mark
from headrace.sdk.provider import RawEvent
from headrace_events import Via
from tests.providers.leadping.kit import bundle, detail, message, raw_of, row, table

MAPPING = table()
CREATED = "2026-09-01T08:00:00Z"
SENT = "2026-09-01T08:00:02Z"
DELIVERED = "2026-09-01T08:00:04Z"


def version(shape: str, record: Any, received: str = "2026-09-02T00:00:00Z") -> int:
    """Return the number of a record."""
    found = provider.identity(raw_of(shape, record, received=micros(received) // 1000)).version
    assert isinstance(found, int)
    return found


def meaning(raw: RawEvent) -> int:
    """Return the digest of what a record says."""
    return meaning_of(provider.translate(raw, MAPPING))


@pytest.mark.parametrize("state", range(4))
def test_row_detail_bundle_and_webhook_agree(state: int) -> None:
    """The shapes of one state have one identity and one version, and one meaning where they carry the same."""
    renderings = message().versions[state]
    raws = [
        RawEvent(
            provider=provider.name,
            tenant="acme",
            shape=r.piece.shape,
            value=r.piece.value,
            via=r.via,
            received=1_800_000_000_000,
        )
        for r in renderings
    ]
    assert len({str(provider.identity(raw)) for raw in raws}) == 1
    assert len({meaning(raw) for raw in raws}) == 1


def test_plans_and_other_changes_make_no_version() -> None:
    """Neither a plan, a retry count nor the detail's time of change counts: not every shape has them."""
    plain = row(status="Queued", queuedAt=SENT)
    planned = plain | {"scheduledFor": "2026-12-01T00:00:00Z", "nextRetryAt": "2026-12-01T00:00:00Z", "retryCount": 3}
    assert version("row", planned) == version("row", plain)
    assert version("bundle", bundle(plain, detail(plain, "Pending"))) == version("row", plain)


def test_versions_grow_with_milestones_and_status() -> None:
    """A later milestone outranks an earlier one, more outrank fewer at one time, and then the status decides."""
    states = [
        row(),
        row(status="Queued"),
        row(status="Sending"),
        row(status="Sent"),
        row(status="Delivered"),
        row(status=None, sentAt=CREATED),
        row(status="Sent", sentAt=CREATED),
        row(status="Sent", sentAt=CREATED, queuedAt=CREATED),
        row(status="Sent", sentAt=SENT),
        row(status="Delivered", sentAt=SENT, deliveredAt=DELIVERED),
    ]
    numbers = [version("row", state) for state in states]
    assert numbers == sorted(set(numbers))


def test_a_milestone_after_the_receipt_does_not_count() -> None:
    """A clock that runs wild does not outrank all that follows; it counts as soon as its time has come."""
    wild = row(status="Sent", sentAt=SENT, failedAt="2099-01-01T00:00:00Z")
    assert version("row", wild) == version("row", row(status="Sent", sentAt=SENT))
    assert version("row", wild, "2099-01-02T00:00:00Z") > version("row", wild)


def test_a_record_younger_than_its_milestones_counts_from_its_creation() -> None:
    """A row that is stored a moment after its message was queued keeps its place when the milestone shows up."""
    assert version("row", row(status="Queued", queuedAt="2026-09-01T07:59:59Z")) > version("row", row(status="Queued"))


def test_a_call_that_moves_on_makes_a_version_of_its_bundle() -> None:
    """The row stays as it is; status, answer and end of the call each make a newer version."""
    of = row(timelineType="Call", status="InProgress")
    call: dict[str, Any] = {"id": "call-1", "createdAt": CREATED}
    states: list[dict[str, Any] | None] = [
        None,
        call | {"status": "ringing"},
        call | {"status": "in_progress"},
        call | {"status": "in_progress", "answeredAt": SENT},
        call | {"status": "completed", "answeredAt": SENT, "endedAt": DELIVERED},
    ]
    numbers = [version("bundle", bundle(of, None, state)) for state in states]
    assert numbers == sorted(set(numbers))


def test_an_old_detail_cannot_replace_its_row() -> None:
    """A detail of the old generation has no milestones: behind its row it is stale, before it the row is news."""
    there = row(status="Delivered", sentAt=SENT, deliveredAt=DELIVERED)
    old = {
        "id": there["id"],
        "timelineType": "Sms",
        "status": "Completed",
        "createdAt": CREATED,
        "modifiedAt": DELIVERED,
    }
    newer, older = raw_of("row", there), raw_of("detail", old)
    first = judge(None, version("row", there), 1, meaning(newer), polled=False)
    assert first.version is not None
    mark = Mark(first.version, 1, first.meanings, 0)
    assert settle(mark, version("detail", old)) == "stale"
    weaker = judge(None, version("detail", old), 2, meaning(older), polled=False)
    assert weaker.version is not None
    known = Mark(weaker.version, 2, weaker.meanings, 0)
    assert judge(known, version("row", there), 1, meaning(newer), polled=False).fate == "published"


@pytest.mark.parametrize("beside", [None, "Completed"])
def test_a_bundle_means_the_same_with_and_without_its_detail(beside: str | None) -> None:
    """A detail that could not be read this time makes no news of an event that is known."""
    of = row(status="Sent", sentAt=SENT, description="Hello")
    whole = bundle(of, detail(of, "Completed") if beside else None)
    assert meaning(raw_of("bundle", whole)) == meaning(raw_of("row", of))
    assert version("bundle", whole) == version("row", of)


def test_an_edit_without_a_milestone_is_known_by_its_meaning() -> None:
    """Text, bill or plan may change under one version: the meaning differs."""
    of = row(status="Sent", sentAt=SENT)
    for change in ({"summary": "Edited"}, {"billableAmount": 0.01}, {"scheduledFor": DELIVERED}, {"direction": None}):
        assert version("row", of | change) == version("row", of)
        assert meaning(raw_of("row", of | change)) != meaning(raw_of("row", of))


def test_links_and_names_are_no_news() -> None:
    """A recording that turns up, or a user's new name, changes nothing that counts."""
    call: dict[str, Any] = {"id": "call-1", "status": "completed", "metadata": {"a": 1, "b": 2}, "user": "Ines"}
    same = call | {"recordingUrl": "https://voice.example/1", "user": "Ines O.", "metadata": {"b": 2, "a": 1}}
    assert meaning(raw_of("call", call)) == meaning(raw_of("call", same))


def test_a_record_without_any_time_has_no_number() -> None:
    """What a template leaves out cannot be ordered."""
    assert provider.identity(raw_of("row", {"id": "1", "status": "Sent"})).version == "unknown"
    assert provider.identity(raw_of("call", {"id": "1"})).version == "unknown"


def test_an_automation_without_an_event_is_named_by_its_run() -> None:
    """Two deliveries of one run are one record; a file that was handed in is named by its bytes."""
    handed_in = raw_of("automation", {"type": "lead.hot"}, Via.INGEST)
    named = provider.identity(replace(handed_in, hint="run-1"))
    assert (named.resource, named.id, named.version) == ("automation", "run-1", None)
    assert provider.identity(replace(handed_in, delivery="run-1")).id == "run-1"
    assert provider.identity(handed_in) == provider.identity(handed_in)
    assert provider.identity(handed_in) != provider.identity(raw_of("automation", {"type": "lead.cold"}))


def test_generations_rename_and_mean_the_same() -> None:
    """The old row and the newest one, each in its own words and number formats, are one event."""
    shared = {"id": "1", "leadId": "lead-1", "direction": "outbound", "createdAt": CREATED, "sentAt": SENT}
    old = shared | {"activityType": "Sms", "status": "Completed", "isWarmup": False, "billableAmount": "0.0083"}
    new = shared | {"timelineType": "Sms", "status": "Sent", "trafficType": "RealLead", "billableAmount": 0.0083}
    assert version("row", old) == version("row", new)
    assert meaning(raw_of("row", old)) == meaning(raw_of("row", new))
    renamed = [
        {"id": "1", key: kind} for key, kind in (("activityType", "Disposition"), ("timelineType", "LeadStatusChange"))
    ]
    assert meaning(raw_of("row", renamed[0])) == meaning(raw_of("row", renamed[1]))
