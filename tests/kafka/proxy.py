"""A TCP proxy between clients and a broker that loses answers on purpose."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

from tests.kafka.jvm import JvmBroker
from tests.kafka.ports import HOST

# The api keys of the requests that tests care about: https://kafka.apache.org/protocol#protocol_api_keys
PRODUCE, FETCH, METADATA = 0, 1, 3
INIT_PRODUCER_ID, ADD_PARTITIONS_TO_TXN, END_TXN = 22, 24, 26


class Proxy:
    """Forwards to a broker whose second listener sends its clients here; reads just enough of each frame.

    `requests` counts the requests forwarded, by api key. Every answer waits `delay` seconds (on one connection one
    after the other). While `refusing`, new connections are closed at once.
    """

    def __init__(self, broker: JvmBroker) -> None:
        self.bootstrap_servers = f"{HOST}:{broker.proxy_port}"
        self.requests: Counter[int] = Counter()
        self.delay = 0.0
        self.refusing = False
        self._listen, self._forward = broker.proxy_port, broker.proxied_port
        self._orders: dict[int, asyncio.Future[None]] = {}
        self._thefts: dict[int, asyncio.Future[bytes]] = {}
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, self._listen)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        connections = [*self._connections]
        self.cut()
        await asyncio.gather(*connections, return_exceptions=True)
        await self._server.wait_closed()

    def swallow(self, api_key: int) -> asyncio.Future[None]:
        """Let the next request of this kind reach the broker, keep its answer, and close that connection.

        The future is done once that has happened.
        """
        done = asyncio.get_running_loop().create_future()
        self._orders[api_key] = done
        return done

    def steal(self, api_key: int) -> asyncio.Future[bytes]:
        """Keep the next request of this kind from the broker, and close that connection; return the request.

        A network that loses a connection may hold such a request and `deliver` it late.
        """
        stolen = asyncio.get_running_loop().create_future()
        self._thefts[api_key] = stolen
        return stolen

    async def deliver(self, request: bytes) -> bytes:
        """Send a stolen request to the broker after all, on a connection of its own; return the body of the answer."""
        answers, broker = await asyncio.open_connection(HOST, self._forward)
        try:
            broker.write(request)
            return (await _frame(answers))[8:]
        finally:
            broker.close()
            await broker.wait_closed()

    def cut(self) -> None:
        """Close every connection at once; clients may connect again."""
        for connection in self._connections:
            connection.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry frames both ways until either side, or an order, ends the connection."""
        broker: asyncio.StreamWriter | None = None
        lost: dict[bytes, asyncio.Future[None]] = {}  # answers to keep, by correlation id
        try:
            answers, broker = await asyncio.open_connection(HOST, self._forward)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry_requests(reader, broker, lost))
                both.create_task(self._carry_answers(answers, writer, lost))
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one side is gone, or an order was carried out: so goes the other
        finally:
            for side in (writer, broker):
                if side is not None:
                    side.transport.abort()

    async def _carry_requests(
        self, requests: asyncio.StreamReader, broker: asyncio.StreamWriter, lost: dict[bytes, asyncio.Future[None]]
    ) -> None:
        while True:
            frame = await _frame(requests)
            api_key, correlation = int.from_bytes(frame[4:6]), frame[8:12]
            self.requests[api_key] += 1
            if theft := self._thefts.pop(api_key, None):
                theft.set_result(frame)
                raise ConnectionAbortedError("a request was stolen")
            if order := self._orders.pop(api_key, None):
                lost[correlation] = order
            broker.write(frame)
            await broker.drain()

    async def _carry_answers(
        self, answers: asyncio.StreamReader, client: asyncio.StreamWriter, lost: dict[bytes, asyncio.Future[None]]
    ) -> None:
        while True:
            frame = await _frame(answers)
            if order := lost.pop(frame[4:8], None):
                order.set_result(None)
                raise ConnectionAbortedError("an answer was swallowed")
            await asyncio.sleep(self.delay)
            client.write(frame)
            await client.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    """Return one request or answer with its four bytes of length; raise IncompleteReadError at the end."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size))
