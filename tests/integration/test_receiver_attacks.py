"""Slow, greedy and broken senders against the real program: each is answered as the table says, and memory stays flat.

Kafka is away: what is genuine goes into the spool.
"""

import asyncio
import contextlib
import gzip
import socket
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import aiohttp
import pytest

from headrace_demo import senders
from headrace_demo.senders import Sender, Sending
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import DEADLINE, until
from tests.integration.receiver_harness import NOBODY, talk

MIB = 2**20
LIMITS = """\
connections = 300
head_deadline = "2s"
body_deadline = "3s"
max_bodies = "8MiB"
"""
SENDERS = [senders.make(provider) for provider in senders.SENDERS]
GROWTH = 48 * MIB
"""What the process may grow by under any attack: its 8 MiB of bodies, buffers of its connections, and the allocator."""


class Target:
    """The program under attack."""

    def __init__(self, program: Program, url: str) -> None:
        self.program = program
        self.url = url
        self.port = int(url.rpartition(":")[2])

    def memory(self) -> int:
        """Return the largest resident set it ever had, in bytes."""
        status = Path(f"/proc/{self.program.child.pid}/status").read_text("utf-8")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    async def serves(self) -> None:
        """Wait until every account gets its deliveries through again: an attack may have used up its rate."""
        async with aiohttp.ClientSession() as client:
            for sender in SENDERS:
                await until(partial(self._served, client, sender), f"{sender.provider} is served")

    async def _served(self, client: aiohttp.ClientSession, sender: Sender) -> bool:
        sending = next(sender.stream())
        async with client.post(self.url + sending.path, data=sending.body, headers=sending.headers()) as answer:
            assert answer.status in (200, 202, 429)
            return answer.status != 429

    async def refused(self) -> dict[str, int]:
        """Return how many requests were refused, by reason."""
        numbers = await self.program.numbers()
        found: dict[str, int] = {}
        for (name, labels), value in numbers.items():
            if name == "headrace_refusals_total" and value:
                reason = dict(labels)["reason"]
                found[reason] = found.get(reason, 0) + int(value)
        return found


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    """Start a receiver of its own, look whether it serves, and look again at the end."""
    text = configuration(NOBODY, "x.", senders.toml(*SENDERS)).replace("[receiver]", f"[receiver]\n{LIMITS}")
    program = Program(text, tmp_path, "receiver", roles=("receiver",))
    found = Target(program, await program.webhooks())
    await found.serves()
    before = found.memory()
    yield found
    await found.serves()
    assert found.memory() - before < GROWTH
    logged = program.log.read_text("utf-8")
    assert not [word for sender in SENDERS for word in sender.hidden if word in logged]
    assert not program.events("delivery_failed")
    assert program.stop() == 0


def head(sending: Sending, *lines: str) -> bytes:
    """Write the head of a delivery, with what says how long its body is."""
    headers = [f"{name}: {value}" for name, value in sending.headers().items()]
    return "\r\n".join([f"POST {sending.path} HTTP/1.1", "Host: x", *headers, *lines, "", ""]).encode()


def status_of(answer: bytes) -> int:
    """Return the status of an answer, 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.provider)
async def test_a_body_that_says_it_is_huge_is_refused_before_it_comes(sender: Sender, target: Target) -> None:
    """100 MB announced by Content-Length get 413 at once; whoever asks first with Expect is never asked for them."""
    sending = sender.sending_of(b"x")
    huge = head(sending, "Content-Length: 100000000")
    assert status_of(await talk(target.port, huge)) == 413
    answer = await talk(target.port, head(sending, "Content-Length: 100000000", "Expect: 100-continue"))
    assert status_of(answer) == 413
    assert b"100 Continue" not in answer


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_of_100_megabytes_costs_nothing(framing: str, target: Target) -> None:
    """100 MB really sent, in either framing and by several at once, are cut off early with 413 and flat memory."""

    async def attack(sender: Sender) -> int:
        chunk = b"x" * 65536
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        sending = sender.sending_of(b"x")
        lines = "Content-Length: 100000000" if framing == "length" else "Transfer-Encoding: chunked"
        writer.write(head(sending, lines))
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 100_000_000:
                writer.write(b"10000\r\n" + chunk + b"\r\n" if framing == "chunks" else chunk)
                sent += len(chunk)
                await writer.drain()
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
        writer.close()
        assert sent < 100_000_000, "all of it was read"
        return status_of(answer)

    async with asyncio.timeout(DEADLINE):
        statuses = await asyncio.gather(*(attack(sender) for sender in SENDERS * 3))
    assert set(statuses) <= {413, 0}  # 0: the system threw the answer away when the connection was reset
    assert (await target.refused())["body_too_large"] == len(statuses)


async def test_slow_bodies_are_cut_off(target: Target) -> None:
    """A body that drips gets 408 at its deadline, or a closed connection where a status would mean delivered."""

    async def drip(sender: Sender) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(head(sender.sending_of(b"x"), "Content-Length: 1000"))
        answer = asyncio.create_task(reader.read())
        with contextlib.suppress(ConnectionError):
            while not answer.done():
                writer.write(b"x")
                await writer.drain()
                await asyncio.wait([answer], timeout=0.2)
        writer.close()
        try:
            return status_of(await answer)
        except ConnectionError:
            return 0

    async with asyncio.timeout(DEADLINE):
        statuses = await asyncio.gather(*(drip(sender) for sender in SENDERS))
    assert dict(zip((sender.provider for sender in SENDERS), statuses, strict=True)) == {
        "leadping": 408,
        "leadsquared": 408,
        "outreach": 0,
    }


async def test_many_slow_bodies_do_not_stop_the_others(target: Target) -> None:
    """Bodies that hold all the memory there is give way to deliveries that come at once."""
    sender = SENDERS[1]
    writers = []
    for _ in range(12):
        _, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(head(sender.sending_of(b"x"), "Content-Length: 1048576") + b"x" * 1_000_000)
        writers.append(writer)

    async def gave_way() -> bool:
        return "busy" in await target.refused()

    await until(gave_way, "a slow body gives way")
    await target.serves()
    for writer in writers:
        writer.close()


@pytest.mark.parametrize("first", [b"", b"POST /webhooks/leadping/acme HTTP/1.1\r\nHost: x\r\n"])
async def test_a_thousand_idle_connections_lock_nobody_out(first: bytes, target: Target) -> None:
    """Connections that say nothing, or never end their head, make room for others, and are closed at the deadline."""
    connections = []
    for _ in range(1000):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(first)
        connections.append((reader, writer))
    await target.serves()
    ends = [asyncio.create_task(reader.read()) for reader, _ in connections]
    done, _ = await asyncio.wait(ends, timeout=30)
    assert len(done) == 1000
    assert {end.exception() is None and end.result() for end in done} <= {b"", False}
    for _, writer in connections:
        writer.close()


async def test_slow_bodies_on_all_connections_lock_nobody_out(target: Target) -> None:
    """Bodies that hold all the connections there are, with hardly a byte each, make room for deliveries."""
    slow = head(SENDERS[1].sending_of(b"x"), "Content-Length: 1000") + b"x"
    writers = []
    for _ in range(300):
        _, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(slow)
        writers.append(writer)
    await target.serves()
    for writer in writers:
        writer.close()


async def test_a_head_that_drips_is_cut_off(target: Target) -> None:
    """A head that comes a byte at a time is closed at its deadline, also behind a good delivery."""
    sending = next(SENDERS[0].stream())
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(head(sending, f"Content-Length: {len(sending.body)}") + sending.body)
    assert (await asyncio.wait_for(reader.readline(), DEADLINE)).startswith(b"HTTP/1.1 202")
    began = time.monotonic()
    rest = asyncio.create_task(reader.read())
    with contextlib.suppress(ConnectionError):
        for byte in islice(head(sending), 200):
            writer.write(bytes([byte]))
            await writer.drain()
            if (await asyncio.wait([rest], timeout=0.2))[0]:
                break
    writer.close()
    assert rest.done()
    assert time.monotonic() - began < 30  # it has 2 s, and would take 40


async def test_a_gzip_bomb_is_not_unpacked(target: Target) -> None:
    """An encoded body is refused by its head; without that header it is bytes like any others, never unpacked."""
    bomb = gzip.compress(b"\0" * 200 * MIB, 9)
    for sender in SENDERS:
        sending = sender.sending_of(bomb)
        encoded = head(sending, f"Content-Length: {len(bomb)}", "Content-Encoding: gzip") + bomb
        assert status_of(await talk(target.port, encoded)) == 415
        plain = head(sending, f"Content-Length: {len(bomb)}", "Connection: close") + bomb
        assert status_of(await talk(target.port, plain)) in (200, 202)


async def test_a_body_in_a_transfer_coding_is_not_taken_for_what_it_is_not(target: Target) -> None:
    """Packed by its framing, it gets 501 (RFC 9112, 6.1): its bytes would be acknowledged, and nobody could read them.

    `identity`, which changes nothing, is no coding; what does not end with `chunked` has no end at all.
    """
    codings = {"gzip, chunked": 501, "deflate,chunked": 501, "GZIP , Chunked": 501, "nonsense, chunked": 501}
    for sender in SENDERS:
        sending = next(sender.stream())
        body = chunk(gzip.compress(sending.body))
        for coding, status in (codings | {"gzip": 400, "chunked, gzip": 400}).items():
            answer = await talk(target.port, head(sending, f"Transfer-Encoding: {coding}", "Connection: close") + body)
            assert (coding, status_of(answer)) == (coding, status)
        for coding in ("chunked", "Chunked", "identity, chunked"):
            framed = head(sending, f"Transfer-Encoding: {coding}", "Connection: close") + chunk(sending.body)
            assert (coding, status_of(await talk(target.port, framed)) in (200, 202)) == (coding, True)
    assert (await target.refused())["unknown_transfer_coding"] == len(SENDERS) * 4


def chunk(body: bytes) -> bytes:
    """Return a body as a single chunk."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def garbage() -> Iterator[tuple[bytes, int]]:
    """Return what is no good HTTP, and the status it gets."""
    sending = next(SENDERS[1].stream())
    start, chunked = f"POST {sending.path} HTTP/1.1\r\nHost: x\r\n".encode(), b"Transfer-Encoding: chunked\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400
    yield b"GET\r\n\r\n", 400
    yield start + b"Content-Length: -1\r\n\r\n", 400
    yield start + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400
    yield start + chunked + b"Content-Length: 3\r\n\r\nabc", 400
    yield start + chunked + b"\r\nZZ\r\n", 400
    yield start + chunked + b"\r\n3\r\nabcde\r\n", 400
    yield start + chunked + b"\r\nffffffffffffffffff\r\n", 400
    yield start + chunked + b"\r\n1\r\nx\r\n0\r\n" + b"T: " + b"y" * 20_000 + b"\r\n\r\n", 431
    yield start + b"X: " + b"y" * 20_000 + b"\r\n\r\n", 431
    yield start + b"".join(b"X-%d: y\r\n" % number for number in range(100)) + b"\r\n", 431
    yield start + b"Expect: miracles\r\nContent-Length: 3\r\n\r\nabc", 417
    yield b"POST /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431


async def test_garbage_is_refused(target: Target) -> None:
    """What is no HTTP, framed twice, or framed wrongly gets a problem and the end of the connection."""
    for sent, status in garbage():
        answer = await talk(target.port, sent)
        assert (sent[:120], status_of(answer)) == (sent[:120], status)
        assert b"application/problem+json" in answer


async def test_garbage_behind_a_delivery_harms_only_its_connection(target: Target) -> None:
    """Garbage that follows deliveries is refused and ends the connection; deliveries that follow are all answered."""
    sending = next(SENDERS[1].stream())
    good = head(sending, f"Content-Length: {len(sending.body)}") + sending.body
    answer = await talk(target.port, good + b"\0garbage\r\n\r\n" * 100)
    assert b" 400 Bad Request\r\n" in answer
    pipelined = await talk(target.port, good * 20 + good.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert pipelined.count(b"HTTP/1.1 200 OK") == 21


def pipelined() -> Iterator[tuple[str, bytes]]:
    """Return requests that somebody may send one behind the other, each by a name."""
    for sender in SENDERS:
        sending = next(sender.stream())
        verified = head(sending, f"Content-Length: {len(sending.body)}") + sending.body
        yield f"{sender.provider}-verified", verified
    path = next(SENDERS[1].stream()).path
    for method in ("POST", "GET", "HEAD"):
        yield f"check-{method}", f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    fat = "".join(f"X-{number}: {'y' * 400}\r\n" for number in range(50))
    yield "check-fat", f"POST {path} HTTP/1.1\r\nHost: x\r\n{fat}Content-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("request_", [pytest.param(sent, id=name) for name, sent in pipelined()])
async def test_answers_that_nobody_reads_pile_up_nowhere(request_: bytes, target: Target) -> None:
    """Requests one behind the other, none of whose answers is read, are not read on."""
    most = 20_000
    with socket.socket() as connecting:
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            connecting.setsockopt(socket.SOL_SOCKET, buffer, 4096)
        connecting.connect(("127.0.0.1", target.port))
        _, writer = await asyncio.open_connection(sock=connecting.dup())
    sent = 0
    with contextlib.suppress(TimeoutError, ConnectionError):  # it ends who takes no answer for long
        while sent < most:
            writer.write(request_ * 50)
            sent += 50
            await asyncio.wait_for(writer.drain(), 2.0)
    writer.close()
    assert sent < most


@pytest.mark.parametrize("size", [60_000, 500_000])
async def test_a_head_that_never_ends_takes_little(size: int, target: Target) -> None:
    """A head of many fields that are small enough each is refused once all of them are too much."""
    fields = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 8_000) for number in range(size // 8_000))

    async def attack() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(b"POST /webhooks/leadsquared/acme HTTP/1.1\r\nHost: x\r\n" + fields)
        try:
            return await asyncio.wait_for(reader.read(), DEADLINE)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    assert set(await asyncio.gather(*(attack() for _ in range(100)))) == {b""}
    assert (await target.refused())["headers_too_large"] > 0  # the others found their deadline, where all is slow


async def test_who_is_asked_to_go_on_delivers(target: Target) -> None:
    """A sender that waits for 100 Continue is asked for its body, and then gets its answer."""
    sending = next(SENDERS[2].stream())
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(head(sending, f"Content-Length: {len(sending.body)}", "Expect: 100-continue"))
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(sending.body)
    assert (await asyncio.wait_for(reader.readline(), DEADLINE)).startswith(b"HTTP/1.1 202")
    writer.close()


async def test_who_closes_its_half_behind_a_delivery_gets_the_answer(target: Target) -> None:
    """What is accepted is answered, also where nothing more is to come and the body came by itself."""
    for _ in range(5):
        sending = next(SENDERS[2].stream())
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(head(sending, f"Content-Length: {len(sending.body)}"))
        await writer.drain()
        writer.write(sending.body)
        writer.write_eof()
        assert (await asyncio.wait_for(reader.readline(), DEADLINE)).startswith(b"HTTP/1.1 202")
        await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()


async def test_a_flood_of_refusals_is_logged_seldom(target: Target) -> None:
    """A thousand forged deliveries are counted one by one and take a handful of lines; no query is among them."""
    async with aiohttp.ClientSession() as client:
        for number in range(1000):
            path = f"/webhooks/leadsquared/{'acme' if number % 2 else 'nobody'}?key=planted-{number}"
            async with client.post(
                target.url + path, data=b"{}", headers={"Content-Type": "application/json"}
            ) as answer:
                assert answer.status == (401 if number % 2 else 404)
    refused = await target.refused()
    assert refused["unknown_tenant"] == 500
    assert sum(refused.values()) == 1000
    assert len(target.program.events("delivery_refused")) < 50
    assert "planted" not in target.program.log.read_text("utf-8")


async def test_heavy_deliveries_leave_room_for_others(target: Target) -> None:
    """Deliveries of thousands of records, many at once, are taken or put off; memory stays flat, others are served."""
    sender = SENDERS[1]
    item = b'{"ProspectActivityId":"%032x","ActivityEvent":21,"ModifiedOn":"2026-08-08 07:38:00"}'
    sending = sender.sending_of(b"[" + b",".join(item % number for number in range(4_000)) + b"]")
    async with aiohttp.ClientSession() as client, asyncio.timeout(DEADLINE):

        async def deliver() -> int:
            url, headers = target.url + sending.path, sending.headers()
            async with client.post(url, data=sending.body, headers=headers) as answer:
                return answer.status

        delivering = [asyncio.create_task(deliver()) for _ in range(8)]
        other = next(SENDERS[0].stream())
        async with client.post(target.url + other.path, data=other.body, headers=other.headers()) as answer:
            assert answer.status == 202
        statuses = await asyncio.gather(*delivering)
    assert 200 in statuses
    assert set(statuses) <= {200, 429, 503}
