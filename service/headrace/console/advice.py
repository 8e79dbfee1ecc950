"""What to do about a way that is in trouble: a sentence, and the command that says more."""

from typing import Final, NamedTuple

from headrace.cli._status_rows import WayRow
from headrace_events import Via

_SENTENCES: Final = {
    "parked": "Its credentials or its settings are refused: mend them, it goes on by itself.",
    "failing": "Its platform does not answer as it should: it is tried again, more and more seldom.",
    "late": "No poller takes its turn: is one running?",
    "partial": "Something of it cannot be read: see what.",
    "behind": "It is reading what came before.",
    "unread": "It was not read to its end yet.",
    "paused": "People paused it.",
    "trouble": "A webhook is not registered as it should be.",
    "unwatched": "Nobody watches its registration.",
}


class Advice(NamedTuple):
    """A sentence for people, and a command, empty where none would help."""

    sentence: str
    command: str


def advice_of(row: WayRow) -> Advice | None:
    """Return what to do about a way, None where all is well."""
    sentence = _SENTENCES.get(row.state)
    if sentence is None:
        return None
    if row.state == "unwatched":
        return Advice(sentence, "")
    _, provider, tenant = row.source.split("/", 2)
    verb = "hooks show" if row.via == Via.WEBHOOK else "feeds"
    return Advice(sentence, f"headrace {verb} -p {provider} -t {tenant}")
