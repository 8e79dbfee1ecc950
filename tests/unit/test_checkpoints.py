"""What a run stores beside its cursors: notes, and the leads that it came across."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from headrace.poller.checkpoints import LISTED_LATE_MS, Checkpoints
from headrace.poller.clock import Clock
from headrace.poller.scheduler import Work
from headrace.poller.shares import Kind
from headrace.poller.state import PartitionState
from headrace.records.cursors import CursorEntry, Position, Watched, decode, encode
from headrace.records.ordered import FeedOrders
from headrace.sdk.feed import Cursor, Note, Sighting
from tests.unit.test_scheduler import NOW, Named

SOURCE = "/toy/acme"
READ = int(NOW * 1000)


class Tenant:
    """Takes what one run stores, as `cursors` would: each entry as its record."""

    def __init__(self) -> None:
        self.memory = PartitionState()
        self.state = self.memory.of(SOURCE)
        self.stored: list[CursorEntry] = []
        self.watched: list[str] = []
        self.with_news: dict[str, Kind] = {}
        self.clock = Clock(lambda: NOW, lambda: 0.0)
        self.checkpoints = self.run()

    async def flush(self) -> None:
        """Let what was appended be durable."""

    def run(self, feed: Named | None = None, rewind: FeedOrders | None = None) -> Checkpoints:
        """Begin a run of the feed `all`."""
        nothing: Any = None
        return Checkpoints(
            SOURCE,
            feed or Named("all"),
            Work("all"),
            began=NOW + 100,
            watch_leads=self.watch,
            by_lead=("trail",),
            clock=self.clock,
            state=self.state,
            raw=cast("Any", self),
            watch=cast("Any", _NoNudges()),
            statuses=nothing,
            writer=cast("Any", self),
            rewind=rewind,
        )

    async def store(self, entries: Sequence[CursorEntry]) -> None:
        """Store entries."""
        self.stored += entries
        for one in entries:
            record = encode(one)
            self.memory.apply([decode(record.key or b"", record.written or b"")])

    def watch(self, leads: Sequence[str], with_news: Mapping[str, Kind]) -> None:
        """Note leads."""
        self.watched += leads
        self.with_news |= with_news

    def read(self, lead: str, at: int) -> None:
        """Let a lead be watched, and read then."""
        self.state.leads[lead] = Watched(1, "people")
        self.state.positions["trail", lead] = Position(b"", at)


class _NoNudges:
    def settle(self) -> list[CursorEntry]:
        return []


async def test_notes_are_stored_read_again_and_forgotten() -> None:
    """A note is known in the run that made it, and in later ones until an empty one follows."""
    tenant = Tenant()
    run = tenant.run()
    run.take_note(Note("13h", b"\x00\xff"))
    run.take_note(Note("14h", b"later"))
    assert (run.note("all", "13h"), run.note("trail", "13h")) == (b"\x00\xff", b"")
    await run._write(run._learned())
    assert tenant.run().note("all", "13h") == b"\x00\xff"
    after = tenant.run()
    after.take_note(Note("13h", b""))
    await after._write(after._learned())
    assert [tenant.run().note("all", key) for key in ("13h", "14h")] == [b"", b"later"]
    assert len(tenant.state.notes) == 1


@pytest.mark.parametrize(
    ("seen", "has_news"),
    [
        ([Sighting("81")], True),
        ([Sighting("81", at=READ + 1)], True),
        ([Sighting("81", at=READ - LISTED_LATE_MS + 1)], True),
        ([Sighting("81", at=READ - LISTED_LATE_MS)], False),
        ([Sighting("81", brought=True)], False),
        ([Sighting("81", at=READ + 1, brought=True)], False),
        ([Sighting("81", brought=True), Sighting("81", at=READ + 1)], True),
        ([Sighting("81", at=READ + 1), Sighting("81", at=READ - LISTED_LATE_MS)], True),
        ([Sighting("81", at=READ - LISTED_LATE_MS), Sighting("81")], True),
    ],
)
async def test_a_lead_whose_news_were_read_is_not_woken(seen: list[Sighting], has_news: bool) -> None:  # noqa: FBT001  (a parameter)
    """A lead that was read since its news, or whose news the feed brought, costs neither a call nor a record."""
    tenant = Tenant()
    tenant.read("81", READ)
    for one in seen:
        await tenant.checkpoints.sight(one)
    await tenant.checkpoints._write([])
    assert (tenant.watched, tenant.with_news) == (["81"], {"81": "found"} if has_news else {})
    assert [one.value for one in tenant.stored] == ([Watched(1, "people", READ + 100_000)] if has_news else [])


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ([Sighting("81", at=READ + 1, brought=True, unsure=True)], "unsure"),
        ([Sighting("81", at=READ - LISTED_LATE_MS, brought=True, unsure=True)], None),
        ([Sighting("81", at=READ + 1, brought=True), Sighting("81", at=READ + 1, brought=True, unsure=True)], "unsure"),
        ([Sighting("81", at=READ + 1, brought=True, unsure=True), Sighting("81", at=READ + 1)], "found"),
        ([Sighting("81", at=READ + 1), Sighting("81", at=READ + 9, brought=True, unsure=True)], "found"),
    ],
)
async def test_a_lead_whose_news_may_hide_others_is_woken_behind_those_that_have_some(
    seen: list[Sighting], kind: Kind | None
) -> None:
    """And whoever takes over does the same."""
    tenant = Tenant()
    tenant.read("81", READ)
    for one in seen:
        await tenant.checkpoints.sight(one)
    await tenant.checkpoints._write([])
    assert tenant.with_news == ({} if kind is None else {"81": kind})
    expected = Watched(1, "people", READ + 100_000, unsure=kind == "unsure")
    assert [one.value for one in tenant.stored] == ([] if kind is None else [expected])


async def test_news_for_certain_are_not_made_unsure_before_they_are_read() -> None:
    """They are, when they were read; and certain ones make unsure ones certain."""
    tenant = Tenant()
    tenant.read("81", READ)
    known = []
    for at, unsure in ((READ + 1, True), (READ + 1, False), (READ + 2, True), (READ + 200_000, True)):
        if at == READ + 200_000:
            tenant.state.positions["trail", "81"] = Position(b"", READ + 100_001)
        await tenant.checkpoints.sight(Sighting("81", at=at, brought=unsure, unsure=unsure))
        await tenant.checkpoints._write([])
        known.append(tenant.state.leads["81"].unsure)
    assert known == [True, False, False, True]


async def test_a_new_lead_is_watched_whatever_is_known_of_its_news() -> None:
    """It is stored once; it waits for the sweep where its news were brought."""
    tenant = Tenant()
    await tenant.checkpoints.sight(Sighting("82", brought=True))
    await tenant.checkpoints._write([])
    await tenant.checkpoints.sight(Sighting("82", brought=True))
    await tenant.checkpoints._write([])
    assert [one.value for one in tenant.stored] == [Watched(READ + 100_000, "feed")]
    assert (tenant.watched, tenant.with_news) == (["82", "82"], {})


class _Rewound(Named):
    def rewound(self, since: int, before: bytes) -> bytes:
        return b"%d %s" % (since, before)


async def test_a_turn_that_begins_with_its_order_has_read_again() -> None:
    """Though it began in the millisecond in which that was taken: it is not read again once more."""
    tenant = Tenant()
    order = FeedOrders(since=7, rewound=int((NOW + 100) * 1000))
    tenant.state.positions["all", ""] = Position(b"9", READ)
    run = tenant.run(_Rewound("all"), order)
    assert run.position == Position(b"7 9", READ)
    entries = [*await run._covered(Cursor(b"10", more=True), last=False), *await run._covered(Cursor(b"11"), last=True)]
    assert [one.value for one in entries if one.kind == "cursor"] == [
        Position(b"10", READ),
        Position(b"11", order.rewound + 1),
    ]


async def test_news_are_compared_by_the_platforms_clock() -> None:
    """A platform whose clock is an hour ahead tells of news that are not younger for it."""
    tenant = Tenant()
    tenant.clock.skew = 3_600.0
    tenant.read("81", READ)
    await tenant.checkpoints.sight(Sighting("81", at=READ + 3_600_000 - LISTED_LATE_MS))
    await tenant.checkpoints._write([])
    assert tenant.with_news == {}
