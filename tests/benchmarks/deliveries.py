"""Webhooks as requests ready to be sent, and a sender of them: keep-alive connections, as light as they can be."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, cast

from headrace_demo import senders
from headrace_demo.senders import Sender, Sending

OK: Final = range(200, 300)

Sendings = Iterator[Sending]


def _first(sender: Sender) -> Sendings:
    """Yield the first kind of every round: a message of LeadPing, a mailing of Outreach."""
    while True:
        yield next(sender.round())


def _stages(sender: Sender) -> Sendings:
    """Yield LeadSquared's change of a lead's stage: one record, as its arrays are not."""
    assert isinstance(sender, senders.LeadSquared)  # for the type checker
    while True:
        yield sender.stage()


KINDS: Final[Mapping[str, Mapping[str, Callable[[Sender], Sendings]]]] = {
    "LeadPing, a message": {"leadping": _first},
    "LeadSquared, a lead's change": {"leadsquared": _stages},
    "LeadSquared, an array of 1 to 5 calls": {"leadsquared": _first},
    "Outreach, a mailing": {"outreach": _first},
    "all kinds in turn": dict.fromkeys(senders.SENDERS, Sender.stream),
}
"""What is sent, by provider."""


def invent(kind: str, seed: int) -> Sendings:
    """Yield deliveries of one kind without end, the providers in turn; no two are alike."""
    streams = [stream(senders.make(name, seed=seed, secret=secret_of(name))) for name, stream in KINDS[kind].items()]
    while True:
        for stream in streams:
            yield next(stream)


def secret_of(provider: str) -> str:
    """Return the secret of the one tenant of a provider."""
    return senders.make(provider).secret


def configured() -> str:
    """Return the tables of the tenants."""
    return senders.toml(*(senders.make(provider) for provider in senders.SENDERS))


def request_of(sending: Sending) -> bytes:
    """Return the request of a delivery, signed now."""
    lines = [f"POST {sending.path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(sending.body)}", "Accept: */*"]
    lines += (f"{name}: {value}" for name, value in sending.headers().items())
    return "\r\n".join([*lines, "", ""]).encode() + sending.body


def requests(kind: str, count: int, seed: int) -> list[bytes]:
    """Return `count` requests of one kind."""
    return [request_of(sending) for sending in islice(invent(kind, seed), count)]


class Connection(asyncio.Protocol):
    """A connection that sends one request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # of uvloop, too, which has classes of its own

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that waits for an answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed instead of an answer"))

    def data_received(self, data: bytes) -> None:
        """Resolve the request that waits once its answer is complete."""
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if end and len(body) >= _length_of(head) and self._answer is not None:
            self._got = b""
            self._answer.set_result(head)

    async def ask(self, request: bytes) -> bytes:
        """Send a request, and return the head of the answer: its status line and headers."""
        assert self._transport is not None  # for the type checker: it is connected
        if self._transport.is_closing():
            raise ConnectionResetError("closed since the answer before")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    async def send(self, request: bytes) -> None:
        """Send a request. Raises `ValueError` where it was not accepted."""
        if (status := status_of(await self.ask(request))) not in OK:
            raise ValueError(f"a delivery was answered {status}")

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def connect(port: int) -> Connection:
    """Open a connection."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def send_all(port: int, what: Iterable[bytes], connections: int) -> None:
    """Send requests over so many connections, each as soon as the one before it is answered."""
    left = iter(what)

    async def work() -> None:
        connection = await connect(port)
        for request in left:
            await connection.send(request)
        connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(work())


def status_of(head: bytes) -> int:
    """Return the status of an answer."""
    return int(head[9:12])


def _length_of(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
