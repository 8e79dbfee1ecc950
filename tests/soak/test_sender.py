"""What a sender of webhooks writes down, at a receiver that takes some, refuses some and hangs up on some."""

import asyncio
from itertools import cycle
from pathlib import Path

import msgspec

from tests.soak.facts import facts_in
from tests.soak.sender import Order, Sent, WebhookSender, state_file

ANSWERS = (
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 429 Slower\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"",
)


async def sent_to(answers: tuple[bytes, ...], home: Path, attempts: int) -> Sent:
    """Send for half a second to a receiver that answers so in turn; nothing at all is a closed connection."""
    turn = cycle(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.lower().split(b"\r\n")
            await reader.readexactly(int(next(line for line in lines if line.startswith(b"content-length"))[15:]))
            answer = next(turn)
            writer.write(answer)
            if not answer or b"close" in answer:
                writer.close()
                return

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        order = Order(
            home=str(home), name="some", seed=5, doors=[server.sockets[0].getsockname()[1]], rate=100.0, seconds=0.5,
            at_once=8, attempts=attempts, patience=5.0,
        )  # fmt: skip
        await WebhookSender(order).run()
        server.close()
    return msgspec.json.decode(state_file(home, "some").read_bytes(), type=Sent)


async def test_a_sender_writes_down_what_was_accepted_and_every_answer(tmp_path: Path) -> None:
    """A refusal without Retry-After has a name of its own, and what was not accepted stands among what was offered."""
    sent = await sent_to(ANSWERS, tmp_path, attempts=1)
    assert sent.done
    assert set(sent.answers) == {"202", "503", "429, no Retry-After", "connection closed"}
    accepted, offered = facts_in(tmp_path / "some.accepted"), facts_in(tmp_path / "some.offered")
    assert 0 < sent.accepted == len(accepted) < len(offered) == sent.offered
    assert set(accepted.tolist()) < set(offered.tolist())


async def test_a_sender_that_tries_again_loses_nothing(tmp_path: Path) -> None:
    """In the end everything is accepted."""
    sent = await sent_to(ANSWERS[:2], tmp_path, attempts=50)
    assert sent.accepted == sent.offered > 0
