"""Say what an activity means: equal for all shapes that tell one version, different after every edit.

Where the two conflict the edit wins: an event too many does less harm than an edit that nobody hears of. README.md says
under "Meaning" what is left out.
"""

from typing import Any, Final

from headrace.providers.leadsquared.times import one_form
from headrace.providers.leadsquared.translate.custom_fields import NOTE, Content, text
from headrace.providers.leadsquared.translate.decode import Told
from headrace.providers.leadsquared.wire import Fields
from headrace_events import Data

_DESCRIPTION: Final = "NotableEventDescription"
_APART: Final = frozenset(
    (
        "ActivityScore",
        "ActivityType",
        "CreatedBy",
        "CreatedByEmailAddress",
        "CreatedByName",
        "CreatedOn",
        "EventName",
        "ModifiedBy",
        "ModifiedByEmailAddress",
        "ModifiedByName",
        "ModifiedOn",
        "ProspectActivityAutoId",
        "ResourceURL",
        "ResourceUrl",
        "Score",
    )
)
"""What one shape tells and another does not, or in other words; and recordings, which are added later."""


def meaning_of(data: Data, found: Content, told: Told) -> tuple[object, ...]:
    """Give the meaning of an activity; `data` holds what the shapes share, and nothing that only some carry."""
    return (
        data.direction,
        data.outcome,
        data.native.status,
        data.refs,
        data.times,
        data.duration_seconds,
        (data.title, data.text, data.reason, data.value, data.change),
        [link for link in sorted(data.urls.items()) if link[0] != "recording"] if data.urls else [],
        _typed(found, told),
        _said(found.pairs),
        _loose(found),
        # The pairs of a packed note are compared by themselves.
        _said(data.fields or {}, but=NOTE if found.pairs else None),
        [] if told.custom else _said(told.pairs, but=_DESCRIPTION),
    )


def _typed(found: Content, told: Told) -> str | None:
    """Give the note; where there is none, the description stands for it, as older accounts tell it."""
    typed = found.typed
    if typed is None and not found.pairs:
        typed = text(told.pairs.get(_DESCRIPTION))
    return typed and typed.strip()


def _loose(found: Content) -> list[str]:
    """Give the parts of a packed note that are no pairs: nothing else tells them."""
    note: Any = found.originals.get(NOTE) if found.originals else None
    return [part for part in note.split("{next}") if part and "{=}" not in part] if note else []


def _said(fields: Fields, but: str | None = None) -> list[tuple[str, str]]:
    """Sort what fields say, each value in one form, and leave out what says nothing or counts for nothing."""
    told = [
        (key, one_form(value))
        for key, value in fields.items()
        if value is not None and value != "" and key != but and key not in _APART
    ]
    told.sort()
    return told
