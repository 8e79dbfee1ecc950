"""What a row of a mapping may say: its keys and closed words, each with its meaning. MAPPING.md is made from it."""

from typing import Final

from headrace_events import ActorKind, Channel, Direction, Outcome, Traffic, Type, Word


class Reach(Word):
    """What a webhook's row means for a tenant that is polled."""

    SAME = "same", "polling brings the same record, with the same id: published as it comes, the copy is dropped"
    NUDGE = "nudge", "not published: it wakes the feed that brings it; where none does, it is published as told"
    ONLY = "only", "no feed brings it: always published"


WORDS: Final[dict[str, type[Word]]] = {
    "type": Type,
    "direction": Direction,
    "channel": Channel,
    "outcome": Outcome,
    "actor": ActorKind,
    "traffic": Traffic,
    "reach": Reach,
}
"""Keys that take one word of a closed list."""

_WORD_KEYS: Final[dict[str, str]] = {
    "type": "what happened; the only key that a row must have beside its code",
    "direction": "who turned to whom",
    "channel": "by which way",
    "outcome": "how it ended; a status word does not inherit it",
    "actor": "who did it, where the record does not say",
    "traffic": "whether this is sales activity; left out: not stated",
    "reach": "webhooks of a polled tenant: what becomes of the record; left out: same",
}
_SETS: Final[dict[str, str]] = {
    "provisional": "true: a guess, or a whole range of codes; `headrace taxonomy unmapped` goes on listing it",
    "fields": 'constants that are added to the event\'s fields: { campaign = "spring" }',
    "lift": 'native fields, each with the place that it moves to: { mx_Custom_1 = "text" }',
}
ROW_KEYS: Final[dict[str, str]] = {
    "code": 'the native code: "203", a list ["203", "204"], or a range "100-299" of whole numbers',
    "table": "the table of the provider that the code belongs to; needed where it has more than one",
    "name": "take the row only where the native name is this one, too",
    "note": "a remark for people; no event carries it",
    **_WORD_KEYS,
    "status": 'what the record\'s status word changes: [row.status] Connected = "call.completed", or a table of keys',
    "words": "a shared set of status words, [words.NAME] of the same file; those under status win",
    **_SETS,
}
"""The keys of a `[[row]]`."""

STATUS_KEYS: Final[dict[str, str]] = {**_WORD_KEYS, **_SETS}
"""The keys of one status word."""

INHERITED: Final = ("direction", "channel", "actor", "traffic", "reach", "provisional", "fields", "lift")
"""The keys that a status word has from its row where it leaves them out."""
