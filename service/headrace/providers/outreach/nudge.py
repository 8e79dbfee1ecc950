"""Which feed brings what a webhook told: the event of the same type about the same record, at about the same time."""

from typing import Final

from headrace.providers.outreach.wire import FEED
from headrace.sdk.provider import WHENEVER, Draft, Nudge, Tenant

SPAN_SECONDS: Final = 600
"""How far the time of a webhook's fact and `eventAt` may lie apart."""
_ENTITIES: Final = ("lead", "account", "opportunity", "mailing", "call", "task")
"""The records that polled events name."""
_FIELDS: Final = ("object", "verb")
"""What tells events about the account's own set-up apart, which name no record."""
_OTHER_TYPES: Final = {
    "call.logged": ("call.logged", "call.completed", "call.unanswered"),
    "opportunity.owner_changed": ("opportunity.owner_changed", "opportunity.updated"),
    "opportunity.stage_changed": ("opportunity.stage_changed", "opportunity.updated"),
}
"""What polled events call in other words."""


def nudge(draft: Draft, settings: Tenant) -> Nudge | None:
    """Return the nudge of the feed; the id of the event in question is never known.

    A bare action tells no time of its own and happens once for us: whenever the event is, it says the same. None where
    the body names nothing that events name.
    """
    refs, fields = draft.data.refs or {}, draft.data.fields or {}
    entities: dict[str, str] = {name: refs[name] for name in _ENTITIES if name in refs}
    traits = entities or {name: fields[name] for name in _FIELDS if isinstance(fields.get(name), str)}
    if not traits or not settings.reads(FEED):
        return None
    bare = bool(entities) and "occurred" not in (draft.data.times or {})
    types = _OTHER_TYPES.get(draft.row.type, ())
    return Nudge(FEED, refs.get("lead"), types=types, traits=traits, span=WHENEVER if bare else SPAN_SECONDS)
