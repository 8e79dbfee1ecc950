"""The HTTP of the poller, against a simulated platform, and one that sends without end."""

import asyncio
import itertools
import zlib
from collections.abc import Iterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from headrace.poller.answer_memory import AnswerMemory
from headrace.poller.http_client import HttpClient, open_session
from headrace.sdk.faults import Fault, TooHeavy, Unavailable
from headrace.sdk.feed import Call
from headrace_demo.simulators import leadping

PART = bytes(64 * 1024)


async def test_a_call_is_sent_once_whatever_becomes_of_its_connection() -> None:
    """A GET whose kept connection breaks is not sent again behind the budget's back."""
    async with leadping.Simulator(leadping.History(1, 10)) as platform, open_session() as opened:
        http, call = HttpClient(opened, platform.url), Call(path="/events/calls/any")
        await http.exchange(call)
        platform.faults.next(1, "lost")
        with pytest.raises(Unavailable):
            await http.exchange(call)
        assert len(platform.calls) == 2


async def test_a_call_that_no_budget_counts_follows_redirects_within_the_host() -> None:
    """To their end, and not for ever; credentials go to no other host."""
    async with leadping.Simulator(leadping.History(1, 10)) as platform, open_session() as opened:
        http, call = HttpClient(opened, platform.url), Call(path="/events/calls/any", query=(("a", "b c"),))
        platform.faults.next(2, "307")
        assert (await http.follow(call)).status == 401
        assert {one.query for one in platform.calls} == {platform.calls[0].query}
        fault = platform.faults.always("302")
        with pytest.raises(Unavailable, match="without end"):
            await http.follow(call)
        platform.faults.stop(fault)
        platform.faults.next(1, "302", location="http://elsewhere.example.com/")
        with pytest.raises(Unavailable, match="another host"):
            await http.follow(call)


async def test_what_was_read_of_an_answer_that_is_too_much_is_held_by_nobody() -> None:
    """Neither does it count any more, nor does the error refer to it, however long somebody keeps that."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(PART)

    app = web.Application()
    app.router.add_get("/", endless)
    memory = AnswerMemory()
    async with TestServer(app) as server, open_session() as opened:
        with memory.hold() as slot, pytest.raises(TooHeavy) as raised:
            await HttpClient(opened, str(server.make_url("/"))).exchange(Call(path="/"), slot)
        assert slot.weight == memory.weight == 0 < memory.highest
    assert max(held(raised.value)) <= len(PART)


async def test_others_get_their_turn_while_a_packed_answer_is_unpacked() -> None:
    """All of it may be there at once: it is read piece by piece, or a few of them would keep heartbeats waiting."""
    packer = zlib.compressobj(wbits=31)
    packed = b"".join((*(packer.compress(PART) for _ in range(200)), packer.flush()))

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    app = web.Application()
    app.router.add_get("/", answer)
    memory = AnswerMemory()
    async with TestServer(app) as server, open_session() as opened:
        with memory.hold() as slot:
            call = Call(path="/")
            reading = asyncio.ensure_future(HttpClient(opened, str(server.make_url("/"))).exchange(call, slot))
            seen = [0]
            while not reading.done():
                await asyncio.sleep(0)
                seen.append(slot.weight)
            assert len((await reading).body) == 200 * len(PART)
    assert max(after - before for before, after in itertools.pairwise(seen)) <= 4 * len(PART)


def held(fault: Fault) -> Iterator[int]:
    """Yield the sizes of the bytes in the frames that an error refers to."""
    at = fault.__traceback__
    while at is not None:
        yield from (len(found) for found in at.tb_frame.f_locals.values() if isinstance(found, bytes | bytearray))
        at = at.tb_next
