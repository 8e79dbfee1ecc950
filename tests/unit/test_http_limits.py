"""What the receiver says when it refuses, how fast tenants may send, and how bodies share the memory."""

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from headrace.providers.discover import discover
from headrace.receiver import refusals
from headrace.receiver.body_reader import Bodies
from headrace.receiver.token_bucket import LogThrottle, TokenBuckets
from headrace.sdk.provider import Refused
from tests.integration.pipeline import until

ARGUMENTS: dict[str, Any] = {
    "methods": ("POST", "GET"), "most": 1000, "deadline": 15, "rate": 10, "rate_bytes": 1000, "pause": 2.5,
    "too_long": False,
}  # fmt: skip
WAYS: list[Callable[..., Refused]] = [
    way
    for name, way in inspect.getmembers(refusals, inspect.isfunction)
    if way.__module__ == refusals.__name__ and not name.startswith("_") and name not in ("body_of", "closes")
]


def refuse(way: Callable[..., Refused]) -> Refused:
    """Refuse in one of the ways."""
    return way(**{name: ARGUMENTS[name] for name in inspect.signature(way).parameters})


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_is_a_problem_that_says_what_to_do(way: Callable[..., Refused]) -> None:
    """Every refusal has the members of RFC 9457, a code behind its type, and a sentence on what to do."""
    refused = refuse(way)
    body = json.loads(refusals.body_of(refused))
    assert list(body) == ["type", "title", "status", "detail", "code"]
    assert body["type"] == f"urn:headrace:problem:{body['code']}"
    assert body["status"] == refused.status
    assert body["title"]
    assert body["detail"]


def test_each_refusal_has_a_code_of_its_own() -> None:
    """Metrics count by the code, so no two ways share one."""
    codes = [refuse(way).problem.code for way in WAYS]
    assert len(set(codes)) == len(codes)


def test_what_passes_says_when_to_come_back() -> None:
    """429 and 503 carry Retry-After in whole seconds, 405 says what is allowed."""
    assert refusals.rate_limited(10, 1000, 0.01).headers == {"Retry-After": "1"}
    assert refusals.rate_limited(10, 1000, 2.5).headers == {"Retry-After": "3"}
    assert refusals.no_room().headers == {"Retry-After": "10"}
    assert refusals.wrong_method(("POST", "HEAD")).headers == {"Allow": "POST, HEAD"}


def test_a_passing_trouble_closes_the_connection_where_only_that_is_retried() -> None:
    """To a provider that takes any status for delivered nothing is said that would lose the delivery."""
    closed = {
        provider.name: sorted({refuse(way).status for way in WAYS if refusals.closes(refuse(way), provider)})
        for provider in discover().values()
    }
    assert closed == {"leadping": [], "leadsquared": [], "outreach": [408, 429, 500, 503]}
    assert not any(refusals.closes(refuse(way), None) for way in WAYS)


def test_every_provider_delivers_by_post() -> None:
    """The methods of a provider begin with POST; only a provider that checks its webhooks has others."""
    assert {name: tuple(provider.methods) for name, provider in discover().items()} == {
        "leadping": ("POST",),
        "leadsquared": ("POST", "GET", "HEAD"),
        "outreach": ("POST",),
    }


def take(buckets: TokenBuckets, key: str, now: float, tokens: int = 1) -> float:
    """Take tokens as a delivery does; return the seconds to wait where it may not."""
    pause = buckets.pause(key, now)
    if not pause:
        buckets.charge(key, tokens, now)
    return pause


def test_a_burst_passes_and_then_the_rate() -> None:
    """A tenant may send a burst at once, then as many as its rate, and learns how long to wait; others do not wait."""
    buckets = TokenBuckets(rate=10, burst=3)
    assert [take(buckets, "a", 100.0) for _ in range(3)] == [0, 0, 0]
    assert take(buckets, "a", 100.0) == pytest.approx(0.1)
    assert take(buckets, "b", 100.0) == 0
    assert take(buckets, "a", 100.05) == pytest.approx(0.05)
    assert take(buckets, "a", 100.11) == 0
    assert take(buckets, "a", 100.11) > 0


def test_a_bucket_never_holds_more_than_a_burst() -> None:
    """A tenant that was quiet for long has saved up one burst, not more."""
    buckets = TokenBuckets(rate=1000, burst=2)
    assert [take(buckets, "a", 1e6) > 0 for _ in range(3)] == [False, False, True]


def test_one_that_costs_more_than_a_burst_passes_and_is_waited_for() -> None:
    """However much one delivery holds, it is taken; the next is taken when all of it is paid for."""
    buckets = TokenBuckets(rate=100, burst=50)
    assert take(buckets, "a", 10.0, tokens=1_000) == 0
    assert take(buckets, "a", 10.0) == pytest.approx(9.51)
    assert take(buckets, "a", 19.0) == pytest.approx(0.51)
    assert take(buckets, "a", 19.52) == 0


def test_a_flood_of_one_kind_is_logged_seldom() -> None:
    """One line of a kind passes every ten seconds, with how many there were; another kind passes by itself."""
    throttle = LogThrottle(10.0)
    counts = [throttle.count(("a", "b"), now) for now in (50.0, 50.1, 59.9, 60.0, 60.1, 70.1)]
    assert counts == [1, 0, 0, 3, 0, 2]
    assert throttle.count(("a", "c"), 60.2) == 1


def content(*chunks: bytes, whole: bool = True) -> StreamReader:
    """Make the content of a request, of which so much has come."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.transport = asyncio.Transport()  # connected, as far as the reader asks
    reader = StreamReader(protocol, 2**16, loop=loop)
    for chunk in chunks:
        reader.feed_data(chunk)
    if whole:
        reader.feed_eof()
    return reader


async def code_of(bodies: Bodies, reader: StreamReader) -> str:
    """Read a body that is refused; return the code."""
    with pytest.raises(Refused) as refused, bodies.hold() as held:
        await held.read(reader)
    return refused.value.problem.code


async def test_a_body_is_held_until_it_is_done_with() -> None:
    """A body counts while it is in use, whether it came at once or in pieces, and not any longer."""
    bodies = Bodies(most=10, limit=20, deadline=60)
    later = content(b"abc", whole=False)
    asyncio.get_running_loop().call_soon(later.feed_data, b"def")
    asyncio.get_running_loop().call_soon(later.feed_eof)
    with bodies.hold() as first, bodies.hold() as second:
        assert await first.read(content(b"12345")) == b"12345"
        assert await second.read(later) == b"abcdef"
        assert bodies.size == 11
    assert bodies.size == 0


async def test_a_body_of_the_largest_size_is_taken_and_a_byte_more_is_not() -> None:
    """The limit is inclusive, for bodies that came at once and for those that come in pieces."""
    bodies = Bodies(most=10, limit=100, deadline=60)
    with bodies.hold() as held:
        assert len(await held.read(content(b"x" * 10))) == 10
    assert await code_of(bodies, content(b"x" * 11)) == "body_too_large"
    assert await code_of(bodies, content(b"x" * 11, whole=False)) == "body_too_large"
    assert bodies.size == 0


async def test_a_body_that_never_ends_is_refused() -> None:
    """A body that is not there by the deadline is refused as too slow."""
    assert await code_of(Bodies(most=10, limit=100, deadline=0.01), content(b"x", whole=False)) == "body_too_slow"


async def test_the_slowest_body_gives_way() -> None:
    """Where the memory is used up, the body that has been coming for longest is refused, not the one that just came."""
    bodies = Bodies(most=10, limit=15, deadline=60)
    slow = asyncio.create_task(code_of(bodies, content(b"x" * 9, whole=False)))
    await until(lambda: bodies.size == 9, "the slow body has begun")
    with bodies.hold() as held:
        assert len(await held.read(content(b"y" * 9))) == 9
    assert await slow == "busy"
    assert bodies.size == 0


async def test_bodies_that_are_being_kept_never_give_way() -> None:
    """A body that was read whole is not taken back: the one that finds no memory is refused."""
    bodies = Bodies(most=10, limit=15, deadline=60)
    with bodies.hold() as held:
        await held.read(content(b"y" * 9))
        assert await code_of(bodies, content(b"x" * 9)) == "busy"
        assert bodies.size == 9


async def test_the_records_of_a_body_take_memory_too() -> None:
    """A body counts 1 KiB for each record until it is durable; where that is too much beside others, it is refused."""
    bodies = Bodies(most=10_000, limit=20_000, deadline=60)
    with bodies.hold() as first, bodies.hold() as second:
        await first.read(content(b"x" * 100))
        first.hold_records(10)
        assert (bodies.size, bodies.highest) == (100 + 10 * 1024, 100 + 10 * 1024)
        await second.read(content(b"y" * 100))
        with pytest.raises(Refused, match=r"^busy"):
            second.hold_records(10)
    assert bodies.size == 0
    with bodies.hold() as alone:
        alone.hold_records(1_000)  # else it could never be taken
    assert bodies.size == 0
