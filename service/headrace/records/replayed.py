"""What is published once more because the tables changed: which state of a mark it was made for, and its name. Pure.

A replayed record says what it replaces (`state_of` the mark) and what it becomes (`whole_digest` of the event). Both
and the mapping make `replay_digest`, which the mark keeps once the event is published. So each replay makes a new
state: a second record of it, or one of a replay before, never finds the state that it was made for.
"""

import hashlib
import re
from typing import Final

from headrace.records.event import event_id
from headrace.records.mark import Mark
from headrace.records.raw import digest
from headrace.sdk.provider import RawEvent
from headrace_events import Problem, Source

OTHER_EVENT: Final = Problem(
    "other_event",
    "It became another event than the replay showed",
    "the program that replayed is of another version than this one: run `headrace replay` of this version",
    Source("$"),
)
_NAMED_BY: Final = 8
"""Hex digits of the state that tell the id of a second replay from that of the first."""
_REPLAY: Final = re.compile(r"(~[0-9a-f]{8}){1,2}\Z")


def state_of(mark: Mark) -> str:
    """Return 16 hex digits of what was published last of an id: its version, its meaning, and its replay."""
    return _digest(f"{mark.version} {mark.meanings[0] | 1} {mark.replayed}").hex()


def replay_digest(raw: RawEvent) -> int:
    """Return the 64 bits, never 0, that a mark keeps of a replay."""
    return int.from_bytes(_digest(f"{raw.replay} {raw.replaces} {raw.becomes}"), "little") or 1


def replay_id(raw: RawEvent, meaning: int, *, again: bool) -> str:
    """Return the id of a replayed event, which ends in `~<mapping>`; `again`: the id was replayed before.

    A replay may go back to a mapping that it came from: then the state that it replaces tells the two apart.
    """
    base = event_id(raw, meaning)
    return f"{base}~{raw.replaces[:_NAMED_BY]}~{raw.replay}" if again else f"{base}~{raw.replay}"


def keys_of(source: str, event: str) -> tuple[bytes, bytes]:
    """Return the digests that an event's record on raw may have: of what never changes, and of what has versions.

    An event's id says its resource and its id, and may say a version behind them; which of the two it is, it does not.
    """
    resource, _, name = _REPLAY.sub("", event).partition("/")
    return digest(source, resource, name), digest(source, resource, name.rpartition("/")[0])


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
