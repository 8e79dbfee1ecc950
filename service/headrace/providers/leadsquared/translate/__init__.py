"""Translate a record by its shape."""

from collections.abc import Callable
from typing import Final

from headrace.core.mapping import Mapping
from headrace.providers.leadsquared import cut, wire
from headrace.providers.leadsquared.translate import activity, leads, tasks
from headrace.sdk.provider import Draft, Dropped, RawEvent

_TRANSLATORS: Final[dict[str, Callable[[RawEvent, Mapping], Draft | Dropped]]] = {
    wire.LEAD_ACTIVITY: activity.translate,
    wire.CODE_ACTIVITY: activity.translate,
    wire.MODIFIED_ACTIVITY: activity.translate,
    wire.WEBHOOK_ACTIVITY: activity.translate,
    wire.AUTOMATION_ACTIVITY: activity.translate,
    wire.LEAD: leads.translate,
    wire.LEAD_CHANGE: leads.translate,
    wire.TASK: tasks.translate,
    wire.TASK_CHANGE: tasks.translate,
}


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Return the draft of a record. Raises `Undecodable`, or what msgspec raises."""
    translator = _TRANSLATORS.get(raw.shape)
    if translator is None:
        raise cut.refuse(raw.value)
    return translator(raw, mapping)
