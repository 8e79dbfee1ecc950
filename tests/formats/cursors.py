"""Invented records of `cursors`, each kind with every field, and what is sealed in one of them."""

from collections.abc import Iterator
from typing import Final
from unittest.mock import patch

from msgspec.structs import replace

from headrace.core.record import ProducerRecord
from headrace.poller.oauth_tokens import TokenSealer, TokenSecrets
from headrace.records.cursors import (
    BarrierToken,
    CursorEntry,
    DroppedLead,
    FeedNote,
    FeedState,
    NudgeGap,
    NudgePosition,
    OpenNudge,
    PlatformFact,
    Position,
    Resting,
    RestingLead,
    SealedTokens,
    SearchPosition,
    Spending,
    Standing,
    TopicId,
    Watched,
    decode,
    encode,
    entry,
    home_partition,
    removed,
)
from headrace.records.hooks import HookFinding, HookOrder, HookReport, OwnHook
from headrace.records.ledger_hour import LedgerHour, WebhookKinds
from headrace.records.nudge import AddressedNudge
from headrace.records.ordered import Backfill, EarlierRewind, FeedOrders, RewoundPosition
from tests.formats.golden import PrivateFormat
from tests.formats.topics import AT, NUDGES, PARTITIONS, SOURCE

_SECONDS: Final = 1_790_841_845


def _of_feeds() -> Iterator[CursorEntry]:
    yield entry(SOURCE, Position(b'{"head":1}', AT, AT + 1), "things", "l-1")
    yield removed(SOURCE, Position, "things", "l-2")
    yield entry(SOURCE, Watched(AT, "feed", AT + 1, AT + 2, 3, unsure=True), "l-1")
    yield entry(SOURCE, DroppedLead(AT, AT - 1, "event", 3, "gone", "no such lead"), "l-3")
    yield entry(SOURCE, PlatformFact("served", AT, 2), "paging")
    yield entry(SOURCE, FeedNote(b"\x00\xff"), "things", "known")
    state = FeedState(
        turns=1,
        events=2,
        tried=AT,
        succeeded=AT + 1,
        next=AT + 2,
        failures=3,
        code="denied",
        sentence="401",
        missing=4,
        since=AT + 3,
        lacking=5,
        lacked=AT + 4,
        unread="what others own",
        lead_calls=1.5,
    )
    yield entry(SOURCE, state, "things")
    resting = RestingLead("l-1", 2, AT, AT + 1, 3, aside=True)
    yield entry(SOURCE, Resting(AT, (resting,), (("gone", "no such lead"),), 4, AT + 2), "things")
    orders = FeedOrders(AT, AT + 1, AT + 2, AT + 3, EarlierRewind(AT - 9, AT - 8, beyond=True), beyond=True)
    yield entry(SOURCE, orders, "things")
    yield entry(SOURCE, RewoundPosition(AT), "things", "l-1")
    yield entry(SOURCE, _BACKFILL, "gap-1")


def _of_tenants() -> Iterator[CursorEntry]:
    yield entry(SOURCE, SealedTokens("sealed", AT, AT + 1, AT + 2, "00ff", AT + 3))
    yield entry(SOURCE, Spending({3: 4}, {274: 5}, _SECONDS + 0.5, 6, _SECONDS + 1.5))
    yield entry(SOURCE, Standing(AT, AT + 1, "401", 0.25, {"day": 9}, 1.5))
    hour = LedgerHour(
        both=9,
        webhook=1,
        poll=2,
        untold={"thing made": 1},
        poll_later=(0, 4),
        webhook_later=(5,),
        missed=1,
        uncounted=2,
        partitions=(0, 3),
        closed=AT,
        hole=AT + 1,
        backfill="gap-1",
    )
    yield entry(SOURCE, hour, "497455")
    yield entry(SOURCE, WebhookKinds({"thing made": 497_455}))
    yield entry(SOURCE, OwnHook("thing", "https://hooks.example.org/webhooks/toy/acme", AT), "h-1")
    yield entry(SOURCE, HookOrder("https://hooks.example.org/webhooks/toy/acme", AT, ("h-0",)), "thing")
    finding = HookFinding("disabled", "thing", AT, "switched off")
    yield entry(SOURCE, HookReport(AT, {"ok": 1, "disabled": 1}, (finding,)))
    nudge = NUDGES["of a webhook"]
    assert isinstance(nudge, AddressedNudge)
    opened = OpenNudge(nudge, AT, 1, AT + 1, AT + 2, returned=True, row="bb" * 16, written=AT - 1)
    yield entry(SOURCE, opened, "things", "aa" * 16)


def _of_partitions() -> Iterator[CursorEntry]:
    yield entry("", SearchPosition(70), "3")
    yield entry("", BarrierToken("token"))
    yield entry("", NudgePosition(71), "3")
    yield entry("", TopicId("AAAAAAAAAAAAAAAAAAAAAA"), "nudges")
    yield entry("", NudgeGap(AT, 72), "3", "71")


_BACKFILL: Final = Backfill(
    feed="things",
    since=AT - 2,
    until=AT - 1,
    share=0.5,
    ordered=AT,
    began=AT + 1,
    ended=AT + 2,
    outcome="partial",
    covered=AT - 1,
    lead="l-1",
    cursor=b"{}",
    done=1,
    total=2,
    calls=3,
    events=4,
    gone=5,
    left_out=6,
    given_up=7,
    unread="what others own",
    failures=8,
    code="denied",
    sentence="401",
    beyond=True,
    forgotten=AT - 3,
)
ENTRIES: Final = [*_of_feeds(), *_of_tenants(), *_of_partitions()]
_VALUES: Final = {f"{one.kind}{'' if one.value else ' removed'}": one for one in ENTRIES}

_KEY: Final = "an invented key for golden files"
_TOKENS: Final = {"tokens": TokenSecrets("refresh-2", "refresh-1", "refresh-0", "access-1")}


def _write_cursor(one: CursorEntry) -> ProducerRecord:
    out = encode(one)
    return replace(out, partition=home_partition(one.source, PARTITIONS)) if one.source else out


def _write_tokens(secrets: TokenSecrets) -> ProducerRecord:
    """Seal at a fixed moment, with a fixed vector: what is sealed is never twice the same otherwise."""
    with patch("cryptography.fernet.os.urandom", bytes), patch("cryptography.fernet.time.time", lambda: _SECONDS):
        return ProducerRecord(b"", TokenSealer(_KEY).seal(secrets).encode(), [])


CURSORS: Final = (
    PrivateFormat("cursors", _VALUES, _write_cursor, lambda out: decode(out.key, out.value)),
    PrivateFormat("tokens", _TOKENS, _write_tokens, lambda out: TokenSealer(_KEY).open(out.value.decode())),
)
