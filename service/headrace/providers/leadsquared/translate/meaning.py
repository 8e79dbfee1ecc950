"""What an activity means: equal for all shapes of one version, different after every edit.

Where the two conflict the edit wins: an event too many does less harm than a missed edit. README.md says
under "Meaning" what is left out.
"""

from typing import Any, Final

from headrace.core.values import form_of_text
from headrace.providers.leadsquared.times import canonical, one_form, one_word
from headrace.providers.leadsquared.translate.custom_fields import NOTE, Content, text
from headrace.providers.leadsquared.translate.decode import DecodedActivity
from headrace.providers.leadsquared.wire import Fields
from headrace_events import Data

_OWN: Final = "mx_"
_DESCRIPTION: Final = "NotableEventDescription"
_STATUS: Final = "Status"
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
"""What one shape has and another has not, or in other words; and recordings, which are added later."""


def meaning_of(data: Data, found: Content, activity: DecodedActivity) -> tuple[object, ...]:
    """Return the meaning of an activity; `data` holds what the shapes share, and nothing that only some carry."""
    return (
        data.direction,
        data.outcome,
        one_word(data.native.status),
        data.refs,
        data.times,
        data.duration_seconds,
        (one_form(data.title), one_form(data.text), one_form(data.reason)),
        [one_form(data.value.amount), data.value.currency] if data.value else [],
        data.change,
        [link for link in sorted(data.urls.items()) if link[0] != "recording"] if data.urls else [],
        _typed(found, activity),
        _comparable(found.pairs) if found.pairs else [],
        found.loose,
        # The pairs of a packed note are compared by themselves.
        _comparable(data.fields, but=NOTE if found.pairs else None) if data.fields else [],
        [] if activity.custom else _comparable(activity.pairs, but=_DESCRIPTION),
    )


def first_of(meaning: tuple[Any, ...], found: Content) -> tuple[object, ...]:
    """Return the part of a meaning that webhook and row both carry of an activity that was never edited.

    Not the description, which stands in rows where nobody wrote a note, nor fields beside the account's own (`mx_…`): a
    webhook may lack both.
    """
    *typed, _, _, pairs, loose, fields, _ = meaning
    return (
        *typed,
        found.typed and found.typed.strip(),
        pairs,
        loose,
        [pair for pair in fields if pair[0].startswith(_OWN)],
    )


def _typed(found: Content, activity: DecodedActivity) -> str | None:
    """Return the note; where there is none, the description stands for it, as in older accounts."""
    typed = found.typed
    if typed is None and not found.pairs:
        typed = text(activity.pairs.get(_DESCRIPTION))
    return typed and typed.strip()


def _comparable(fields: Fields, but: str | None = None) -> list[tuple[str, str]]:
    """Return what fields hold, sorted, each value in one form, without what says nothing or does not count."""
    pairs = []
    for key, value in fields.items():
        if key in _APART or key == but:
            continue
        if type(value) is str and key != _STATUS:
            form = form_of_text(value, canonical)
        else:
            form = one_word(value) if key == _STATUS else one_form(value)
        if form:
            pairs.append((key, form))
    pairs.sort()
    return pairs
