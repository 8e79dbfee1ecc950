r"""The records of `cursors`: what a poller remembers of its tenants, one compacted record a key. Pure.

A key is `<source>\0<kind>\0<name>…`; a value is a version byte and JSON, or none where the thing was removed. Times
are milliseconds since the epoch unless a field says seconds.
"""

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from headrace.core.record import ProducerRecord, RemovalRecord
from headrace.records.hooks import HookOrder, HookReport, OwnHook
from headrace.records.ledger_hour import LedgerHour, WebhookKinds
from headrace.records.newer_format import NewerFormat
from headrace.records.nudge import AddressedNudge
from headrace.records.ordered import Backfill, FeedOrders, RewoundPosition
from headrace.records.raw import digest, place

FORMAT: Final = 1
LEADS: Final = "leads"
"""Feed of the nudge that says that a watch-list was changed by a command."""

Counts: TypeAlias = dict[int, int]
"""Calls by part of a day or of a year."""


class Position(Struct, frozen=True, omit_defaults=True):
    """kind `cursor` (feed, lead): the feed's cursor, and when the last turn began that reached its end.

    `dropped` is when it was found that nobody watches its lead any more.
    """

    value: bytes
    at: int = 0
    dropped: int = 0


class Watched(Struct, frozen=True, omit_defaults=True):
    """kind `lead` (lead): watched since `added`, who named it, and when a feed last saw news of it (`woken`).

    `unsure`: what the feed knew of these was brought already, and may hide others. The platform did not know it so many
    `times`, the last one at `gone`; 0 once it knows it.
    """

    added: int
    by: Literal["settings", "people", "feed", "event"]
    woken: int = 0
    gone: int = 0
    times: int = 0
    unsure: bool = False


class DroppedLead(Struct, frozen=True, omit_defaults=True):
    """kind `dropped` (lead): watched no more since `at`: it alone was gone so many `times`, the platform said so last.

    `added` and `by` are those of `Watched`. It is removed with the lead's cursors, or when the lead is watched again.
    """

    at: int
    added: int
    by: Literal["settings", "people", "feed", "event"]
    times: int
    code: str
    sentence: str = ""


class PlatformFact(Struct, frozen=True, omit_defaults=True):
    """kind `fact` (name): what a feed has learned about the platform, seen in so many turns, last `at`.

    Records of older versions have neither: nothing is built on them.
    """

    value: str
    at: int = 0
    seen: int = 0


class FeedNote(Struct, frozen=True):
    """kind `note` (feed, key): a part of what the feed remembers beside its cursor."""

    value: bytes


class SealedTokens(Struct, frozen=True, omit_defaults=True):
    """kind `token`: encrypted tokens, when the access token was minted and expires, and when a mint last began.

    `refused` is when the platform last said no to a mint. An `intent` later than `minted` and `refused` means that the
    answer of a mint was lost: the platform may have used up the refresh token that it was asked with. `stem` is a
    digest of the configured refresh token that the tokens stem from: it shows that a new one was configured even where
    the key is lost.
    """

    sealed: str
    minted: int = 0
    expires: int = 0
    intent: int = 0
    stem: str = ""
    refused: int = 0

    @property
    def lost(self) -> bool:
        """Whether nobody knows what became of the last mint."""
        return self.intent > max(self.minted, self.refused)


class Spending(Struct, frozen=True, omit_defaults=True):
    """kind `spent`: calls by part of the day and of the year, including those leased until `until` (seconds).

    `filled`: how many calls the short window may hold at `until`; None where the lease does not count them. No call
    may start before `held` (seconds).
    """

    day: Counts
    year: Counts
    until: float
    filled: int | None = None
    held: float = 0.0


class FeedState(Struct, frozen=True, omit_defaults=True):
    """kind `state` (feed): what `headrace feeds` shows. `code` and `sentence`: the last fault, "" if none.

    So many leads are `missing`, the first of them `since` then: their last turn failed. A feed that is not read by lead
    counts as one. So many rows were `lacking` a part that did not come, or were left out as a whole, the last at
    `lacked`. `unread` is what the feed cannot read with these settings. A reading of a lead took so many `lead_calls`
    on the average, 0 where nobody knows.
    """

    turns: int = 0
    events: int = 0
    tried: int = 0
    succeeded: int = 0
    next: int = 0
    failures: int = 0
    code: str = ""
    sentence: str = ""
    missing: int = 0
    since: int = 0
    lacking: int = 0
    lacked: int = 0
    unread: str = ""
    lead_calls: float = 0.0


class RestingLead(Struct, frozen=True, array_like=True):
    """A lead of which no turn begins before `until`: it fails `since` then, so many times in a row.

    "" is the feed, where that is not read by lead. `reason` is the number of a reason of `Resting`. Where it is set
    `aside`, it is read once its feed goes well again.
    """

    lead: str
    reason: int
    since: int
    until: int
    failures: int
    aside: bool = False


class Resting(Struct, frozen=True, omit_defaults=True):
    """kind `resting` (feed): the leads that rest, as many as are listed, and how many `more`, as of `at`.

    `reasons` are codes with their sentences. No turn of the feed begins before `held`.
    """

    at: int
    leads: tuple[RestingLead, ...]
    reasons: tuple[tuple[str, str], ...]
    more: int = 0
    held: int = 0


class Standing(Struct, frozen=True, omit_defaults=True):
    """kind `standing`: state of the tenant as a whole. `skew` is in seconds: the platform's clock minus ours.

    So is `ahead`: how far the times that its poller stores are before those of the system, after a wrong clock.
    """

    parked: int = 0
    again: int = 0
    sentence: str = ""
    skew: float = 0.0
    left: dict[str, int] = {}
    ahead: float = 0.0


class SearchPosition(Struct, frozen=True):
    """kind `read` (partition of `events`), without a source: how far `events` were searched for leads."""

    offset: int


class BarrierToken(Struct, frozen=True):
    """kind `barrier`, without a source: a poller that takes over has read to the end once it reads its own."""

    token: str


class NudgePosition(Struct, frozen=True):
    """kind `nudged` (partition of `nudges`), without a source: how far nudges were read."""

    offset: int


class TopicId(Struct, frozen=True):
    """kind `topic` (name), without a source: the id of the topic to which positions belong; a new one has another."""

    id: str


class NudgeGap(Struct, frozen=True):
    """kind `gap` (partition of `nudges`, offset), without a source: nudges from there on were gone, found so `at`.

    `end` is the first offset that was there; None where the topic was made anew, and all that was not read is gone.
    """

    at: int
    end: int | None = None


class OpenNudge(Struct, frozen=True, omit_defaults=True):
    """kind `nudge` (feed, raw record's key in hex): its feed was woken at `came`; it was `written` on `nudges` before.

    `reads` counts the whole reads in vain, the last of which began at `looked`. Once it has `ended`, it is remembered
    only where the platform shares no id between its ways: `row` is the key in hex of the row that says the same, and
    `returned` says that the record went to raw again as told, so that its row is a duplicate when it comes.
    """

    nudge: AddressedNudge
    came: int
    reads: int = 0
    looked: int = 0
    ended: int = 0
    returned: bool = False
    row: str = ""
    written: int = 0


CursorValue: TypeAlias = (
    Position
    | Watched
    | DroppedLead
    | PlatformFact
    | FeedNote
    | SealedTokens
    | Spending
    | FeedState
    | Resting
    | Standing
    | SearchPosition
    | NudgePosition
    | OpenNudge
    | TopicId
    | NudgeGap
    | BarrierToken
    | LedgerHour
    | WebhookKinds
    | FeedOrders
    | RewoundPosition
    | Backfill
    | OwnHook
    | HookOrder
    | HookReport
)

BY_COMMANDS: Final = ("lead", "hook", "hook-order")
"""Kinds of records that commands write, too: a poller that is at work reads them."""
KINDS: Final[dict[str, type[CursorValue]]] = {
    "cursor": Position,
    "lead": Watched,
    "dropped": DroppedLead,
    "fact": PlatformFact,
    "note": FeedNote,
    "token": SealedTokens,
    "spent": Spending,
    "state": FeedState,
    "resting": Resting,
    "standing": Standing,
    "read": SearchPosition,
    "barrier": BarrierToken,
    "nudged": NudgePosition,
    "nudge": OpenNudge,
    "topic": TopicId,
    "gap": NudgeGap,
    "ledger": LedgerHour,
    "kinds": WebhookKinds,
    "orders": FeedOrders,
    "rewound": RewoundPosition,
    "backfill": Backfill,
    "hook": OwnHook,
    "hook-order": HookOrder,
    "hooks": HookReport,
}
_NAMES: Final = {kind: name for name, kind in KINDS.items()}
_DECODERS: Final = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}
_encode: Final = msgspec.json.Encoder().encode


class CursorEntry(Struct, frozen=True):
    """One key with its value, None where it is removed; `names` are those that the kind lists in brackets."""

    source: str
    kind: str
    names: tuple[str, ...]
    value: CursorValue | None


def entry(source: str, value: CursorValue, *names: str) -> CursorEntry:
    """Return the entry that stores a value."""
    return CursorEntry(source, _NAMES[type(value)], names, value)


def removed(source: str, kind: type[CursorValue], *names: str) -> CursorEntry:
    """Return the entry that removes a value."""
    return CursorEntry(source, _NAMES[kind], names, None)


def encode(one: CursorEntry) -> ProducerRecord:
    """Return the record of an entry."""
    key = "\0".join((one.source, one.kind, *one.names)).encode()
    if one.value is None:
        return RemovalRecord(key, b"", [])
    return ProducerRecord(key, bytes((FORMAT,)) + _encode(one.value), [])


def decode(key: bytes, value: bytes) -> CursorEntry:
    """Return the entry of a record. Raises `NewerFormat` for a newer version's, `ValueError` for a damaged one."""
    source, kind, *names = key.decode().split("\0")
    if kind not in _DECODERS or (value and value[0] != FORMAT):
        found = f"kind {kind!r}" if kind not in _DECODERS else f"format {value[0]}"
        raise NewerFormat(f"a record on cursors has {found}, this program reads format {FORMAT}: upgrade it")
    return CursorEntry(source, kind, tuple(names), _DECODERS[kind].decode(value[1:]) if value else None)


def home_partition(source: str, partitions: int) -> int:
    """Return the partition of `cursors` that holds a tenant."""
    return place(digest(source, "", ""), partitions)
