"""Translate a record by its shape."""

from headrace.core.mapping import Mapping
from headrace.providers.leadsquared import cut, wire
from headrace.providers.leadsquared.translate import activity, leads, tasks
from headrace.sdk.provider import Draft, Dropped, RawEvent


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Return the draft of a record. Raises `Undecodable`, or what msgspec raises."""
    match raw.shape:
        case (
            wire.LEAD_ACTIVITY
            | wire.CODE_ACTIVITY
            | wire.MODIFIED_ACTIVITY
            | wire.WEBHOOK_ACTIVITY
            | wire.AUTOMATION_ACTIVITY
        ):
            return activity.translate(raw, mapping)
        case wire.LEAD | wire.LEAD_CHANGE:
            return leads.translate(raw, mapping)
        case wire.TASK | wire.TASK_CHANGE:
            return tasks.translate(raw, mapping)
        case _:
            raise cut.refuse(raw.value)
