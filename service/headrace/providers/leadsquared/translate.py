"""Translate a record by its shape."""

from headrace.mapping import Mapping
from headrace.providers.base import Draft, Dropped, RawEvent
from headrace.providers.leadsquared import activity, cut, leads, tasks, wire


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Give the draft of a record. Raises `Undecodable`, or what msgspec raises."""
    match raw.shape:
        case wire.LEAD_ACTIVITY | wire.CODE_ACTIVITY | wire.MODIFIED_ACTIVITY | wire.WEBHOOK_ACTIVITY:
            return activity.translate(raw, mapping)
        case wire.LEAD | wire.LEAD_CHANGE:
            return leads.translate(raw, mapping)
        case wire.TASK | wire.TASK_CHANGE:
            return tasks.translate(raw, mapping)
        case _:
            raise cut.refuse(raw.value)
