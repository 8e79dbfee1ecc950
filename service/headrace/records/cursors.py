r"""The records of `cursors`: what a poller remembers of its tenants, one compacted record for each thing. Pure.

A key is `<source>\0<kind>\0<name>…`; a value is a version byte and JSON, or empty where the thing was removed. Times
are milliseconds since the epoch unless a field says seconds.
"""

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from headrace.core.counts import Counts
from headrace.core.record import Out
from headrace.records.raw import digest, place
from headrace.records.seen import NewerFormat

FORMAT: Final = 1
LEADS: Final = "leads"
"""The feed of a nudge that says: somebody wrote to a watch-list."""


class Position(Struct, frozen=True, omit_defaults=True):
    """kind `cursor` (feed, lead): what the feed gave, and when the last turn began that got to its end."""

    value: bytes
    at: int = 0


class Watched(Struct, frozen=True, omit_defaults=True):
    """kind `lead` (lead): it is watched since `added`, named by whom, and was last seen to have news at `woken`."""

    added: int
    by: Literal["settings", "people", "feed", "event"]
    woken: int = 0


class Fact(Struct, frozen=True):
    """kind `fact` (name): what a feed found out about the platform."""

    value: str


class Sealed(Struct, frozen=True, omit_defaults=True):
    """kind `token`: sealed tokens, when the access token was had and expires, and when a mint was last begun.

    An `intent` behind `minted` tells of a mint whose answer nobody kept. `stem` is a digest of the configured refresh
    token that they stem from: a new one is known for new where nobody can open what was sealed.
    """

    sealed: str
    minted: int = 0
    expires: int = 0
    intent: int = 0
    stem: str = ""


class Spending(Struct, frozen=True, omit_defaults=True):
    """kind `spent`: calls by part of the day and of the year, with those that may be made until `until` (seconds).

    `filled`: so many calls may stand in the short window at `until`; None where nobody counted ahead.
    """

    day: Counts
    year: Counts
    until: float
    filled: int | None = None


class State(Struct, frozen=True, omit_defaults=True):
    """kind `state` (feed): what `headrace feeds` shows. `code` and `sentence` tell the last fault, while it holds."""

    turns: int = 0
    events: int = 0
    tried: int = 0
    succeeded: int = 0
    next: int = 0
    failures: int = 0
    code: str = ""
    sentence: str = ""


class Standing(Struct, frozen=True, omit_defaults=True):
    """kind `standing`: how the tenant as a whole is. `skew` is in seconds: the platform's clock minus ours."""

    parked: int = 0
    again: int = 0
    sentence: str = ""
    skew: float = 0.0
    left: dict[str, int] = {}


class Read(Struct, frozen=True):
    """kind `read` (partition of `events`), without a source: where the search for leads that events name has got to."""

    offset: int


Value: TypeAlias = Position | Watched | Fact | Sealed | Spending | State | Standing | Read

KINDS: Final[dict[str, type[Value]]] = {
    "cursor": Position,
    "lead": Watched,
    "fact": Fact,
    "token": Sealed,
    "spent": Spending,
    "state": State,
    "standing": Standing,
    "read": Read,
}
_NAMES: Final = {kind: name for name, kind in KINDS.items()}
_DECODERS: Final = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}
_encode: Final = msgspec.json.Encoder().encode


class Entry(Struct, frozen=True):
    """One thing that is remembered, or with `value` None forgotten; `names` as its kind asks for them."""

    source: str
    kind: str
    names: tuple[str, ...]
    value: Value | None


def entry(source: str, value: Value, *names: str) -> Entry:
    """Make the entry of a value."""
    return Entry(source, _NAMES[type(value)], names, value)


def removed(source: str, kind: type[Value], *names: str) -> Entry:
    """Make the entry that forgets a value."""
    return Entry(source, _NAMES[kind], names, None)


def encode(told: Entry) -> Out:
    """Write an entry as a record."""
    key = "\0".join((told.source, told.kind, *told.names)).encode()
    return Out(key, b"" if told.value is None else bytes((FORMAT,)) + _encode(told.value), [])


def decode(key: bytes, value: bytes) -> Entry:
    """Read a record. Raises `NewerFormat` where a newer Headrace wrote it, `ValueError` where it is damaged."""
    source, kind, *names = key.decode().split("\0")
    if kind not in _DECODERS or (value and value[0] != FORMAT):
        found = f"kind {kind!r}" if kind not in _DECODERS else f"format {value[0]}"
        raise NewerFormat(f"a record on cursors has {found}, this program reads format {FORMAT}: upgrade it")
    return Entry(source, kind, tuple(names), _DECODERS[kind].decode(value[1:]) if value else None)


def home(source: str, partitions: int) -> int:
    """Give the partition of `cursors` that a tenant lives in."""
    return place(digest(source, "", ""), partitions)
