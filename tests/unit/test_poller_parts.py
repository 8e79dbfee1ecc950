"""The pure parts of polling: circuits, treatments, leases, clocks, sealing, records, the keys of events."""

import msgspec
import pytest

from headrace.core.record import ProducerRecord
from headrace.kafka.admin import Topic
from headrace.kafka.consumer import Record
from headrace.poller.budget import LEASE_SECONDS, Budget, Lease, Spent, renewed, restored, written
from headrace.poller.fault_policy import sentence
from headrace.poller.fetch_one import _check_sizes
from headrace.poller.lead_discovery import lead_of
from headrace.poller.oauth_tokens import CannotOpen, TokenSealer, TokenSecrets
from headrace.poller.state import PartitionState
from headrace.records.cursors import (
    PlatformFact,
    Position,
    SealedTokens,
    SearchPosition,
    Spending,
    Watched,
    decode,
    encode,
    entry,
    removed,
)
from headrace.records.newer_format import NewerFormat
from headrace.sdk.faults import Gone, TooHeavy
from headrace.sdk.limits import CallLimits
from headrace.sdk.settings import Allowance, PolledTenant, check

NOW = 1_800_000_000.0
SECRETS = TokenSecrets("refresh-2", "refresh-1", "refresh-0", "access-2")
KEYS = ("k" * 32, "l" * 40)


def test_only_the_text_of_a_fault_is_shown() -> None:
    """Any other error may quote a URL."""
    assert sentence(Gone("it is not there")) == "it is not there"
    assert sentence(ValueError("https://host/?key=secret")) == "ValueError"


def test_what_is_spent_is_written_before() -> None:
    """A successor counts what might have been spent, and waits until the short window has passed."""
    limits = CallLimits(per_window=10, window=5.0, per_day=1_000, per_year=100_000)
    lease = renewed(limits, NOW)
    assert lease == Lease(10, NOW + LEASE_SECONDS)
    spending = written(Budget(limits, Spent(day={1: 3})), lease, NOW)
    assert sum(spending.day.values()) == 13
    budget = restored(limits, spending)
    assert budget.wait(NOW) == LEASE_SECONDS + 5.0
    assert restored(limits, None).wait(NOW) == 0.0


def test_a_successor_keeps_to_what_held_the_one_before() -> None:
    """Whatever held it: the platform's word, or a window that its own predecessor may have filled."""
    limits = CallLimits(per_window=300, window=60.0)
    first = Budget(limits)
    lost = written(first, renewed(limits, NOW), NOW)
    for _ in range(300):
        first.start(NOW)
        first.end(NOW)
    second = restored(limits, lost)
    assert second.wait(NOW + 6) == LEASE_SECONDS + 60.0 - 6
    third = restored(limits, written(second, Lease(until=NOW + 8), NOW + 8))
    assert third.wait(NOW + 9) == LEASE_SECONDS + 60.0 - 9
    held = Budget(limits)
    held.hold(NOW + 1_000)
    assert restored(limits, written(held, Lease(until=NOW), NOW)).wait(NOW) == 1_000
    assert written(held, Lease(until=NOW + 2_000), NOW + 2_000).held == 0.0


def test_a_successor_need_not_wait_for_an_hour_to_pass() -> None:
    """Of a long window the calls that were made are counted, with those that might have been; the rest is free."""
    limits = CallLimits(per_window=1_000, window=3_600.0)
    before = Budget(limits)
    for _ in range(40):
        before.start(NOW)
        before.end(NOW)
    lease = renewed(limits, NOW)
    assert lease.calls == 10
    crashed = restored(limits, written(before, lease, NOW))
    assert (crashed.wait(NOW), crashed.left(NOW)["window"]) == (0.0, 950)
    stopped = restored(limits, written(before, Lease(until=NOW), NOW))
    assert (stopped.wait(NOW), stopped.left(NOW)["window"]) == (0.0, 960)
    assert stopped.left(NOW + 3_600)["window"] == 1_000


def test_a_lease_ends_by_its_calls_and_by_its_time() -> None:
    """Whoever slept longer than a lease must ask before the next call."""
    lease = Lease(2, NOW + 10)
    assert lease.covers(NOW)
    assert not lease.covers(NOW + 10)
    lease.use()
    lease.use()
    assert not lease.covers(NOW)
    free = renewed(CallLimits(per_window=1, window=1.0), NOW)
    free.use()
    assert free.covers(NOW + 1)


def test_what_is_sealed_opens_with_the_key_alone() -> None:
    """The first key seals, any opens, another does not; nothing of it can be read."""
    sealed = TokenSealer(KEYS[0]).seal(SECRETS)
    assert TokenSealer("\n".join(reversed(KEYS))).open(sealed) == SECRETS
    with pytest.raises(CannotOpen):
        TokenSealer(KEYS[1]).open(sealed)
    with pytest.raises(CannotOpen):
        TokenSealer(KEYS[0]).open(sealed[:-4])
    assert "refresh" not in sealed
    assert TokenSealer(KEYS[0]).seal(SECRETS) != sealed


@pytest.mark.parametrize(
    "one",
    [
        entry("/p/t", Position(b"\x00cursor\xff", 5), "feed", "lead"),
        entry("/p/t", Position(b"", 0), "feed", ""),
        entry("/p/t", Watched(1, "people", 2), "lead/with\u00e9"),
        entry("/p/t", PlatformFact("x"), "name"),
        entry("/p/t", SealedTokens("abc", 1, 2, 3)),
        entry("/p/t", Spending({1: 2}, {3: 4}, 5.5)),
        entry("/p/t", Spending({1: 2}, {}, 5.5, 7)),
        entry("", SearchPosition(7), "3"),
        removed("/p/t", Watched, "lead"),
    ],
)
def test_a_record_says_again_what_was_written(one: object) -> None:
    """Every kind of entry survives its record."""
    out = encode(one)  # type: ignore[arg-type]  # parametrized
    assert decode(out.key, out.value) == one


@pytest.mark.parametrize(("key", "value"), [(b"/p/t\0lead\0a", b"\x02{}"), (b"/p/t\0novelty\0a", b"\x01{}")])
def test_what_a_newer_headrace_wrote_is_refused(key: bytes, value: bytes) -> None:
    """Neither a newer format nor a kind that nobody knows is skipped."""
    with pytest.raises(NewerFormat, match="upgrade"):
        decode(key, value)


def test_memory_follows_the_log() -> None:
    """The last record of each key holds, and an empty one removes."""
    state = PartitionState()
    state.apply(
        [
            entry("/p/t", Position(b"1", 1), "f", ""),
            entry("/p/t", Position(b"2", 2), "f", ""),
            entry("/p/t", Watched(1, "event"), "a"),
            entry("/p/t", Watched(1, "event"), "b"),
            removed("/p/t", Watched, "a"),
            removed("/p/t", Watched, "never there"),
            entry("", SearchPosition(9), "4"),
        ]
    )
    tenant = state.of("/p/t")
    assert tenant.positions == {("f", ""): Position(b"2", 2)}
    assert set(tenant.leads) == {"b"}
    assert state.searched == {4: 9}


def test_a_lead_that_was_never_read_is_unread_since_it_was_named() -> None:
    """Nobody reads it: that must not look like a feed that is up to date."""
    tenant = PartitionState().of("/p/t")
    for position in (Position(b"1", 50), Position(b"", 0)):
        tenant.apply(entry("/p/t", position, "f", str(position.at)))
    tenant.apply(entry("/p/t", Watched(20, "event"), "0"))
    assert tenant.longest_unread("f", ["50"]) == 50
    assert tenant.longest_unread("f", ["50", "0"]) == 20
    assert tenant.longest_unread("f", ["50", "of the settings"], unnamed=40) == 40
    assert tenant.longest_unread("f", []) == 0


def test_what_can_be_no_id_is_no_lead() -> None:
    """It is part of keys, where NUL divides, and of paths, where dots lead elsewhere."""
    settings = msgspec.convert({}, PolledTenant)
    assert [settings.canonical_lead(text) for text in (" 81 ", "a/b", "\u00e9", "..a")] == [
        "81",
        "a/b",
        "\u00e9",
        "..a",
    ]
    assert not any(map(settings.canonical_lead, ("", " ", ".", " .. ", "a\0b", "a\nb", "x" * 201)))


def test_a_record_that_raw_does_not_take_is_not_fetched() -> None:
    """It is refused before anything is appended."""
    raw = Topic("raw", 1, 1, {"max.message.bytes": "1000"})
    _check_sizes([ProducerRecord(b"k", b"x" * 800, [])], raw)
    with pytest.raises(TooHeavy, match="raw takes 1,000"):
        _check_sizes([ProducerRecord(b"k", b"x", []), ProducerRecord(b"k", b"x" * 1000, [])], raw)


def test_the_key_of_an_event_tells_its_lead() -> None:
    """Ids may hold slashes; other subjects name none."""
    assert lead_of(_record(b"/p/t/lead/a/b")) == ("/p/t", "a/b")
    for other in (b"/p/t/call/1", b"/p/t/lead", b"", b"\xff\xfe", None):
        assert lead_of(_record(other)) is None


def _record(key: bytes | None) -> Record:
    return Record("events", 0, 7, 0, 0, key, b"", None, 0, 0, ())


def test_an_allowance_overrides_only_what_it_says() -> None:
    """What a tenant leaves out is as its provider has it."""
    limits = CallLimits(per_window=25, window=5.0, per_day=10_000)
    assert Allowance(per_window=10).over(limits) == CallLimits(per_window=10, window=5.0, per_day=10_000)
    assert Allowance().over(limits) == limits


def test_a_key_that_can_be_guessed_is_refused() -> None:
    """Nothing of it is quoted."""
    [refused] = check(msgspec.convert({"token_key": "short-one"}, PolledTenant), ())
    assert refused.key == "token_key"
    assert "32 characters" in refused.reason
    assert "short-one" not in refused.reason
