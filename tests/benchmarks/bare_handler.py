"""The least work that makes a webhook durable: `python -m tests.benchmarks.bare_handler SERVERS TOPIC CODEC`.

A handler of aiohttp as its documentation writes one: read the body, append it with acks=all, answer. The event loop,
the client's options and the topic are those of the receiver. Nothing of Headrace is imported, since that would change
how the client works. The first line it prints is its port.
"""

import asyncio
import sys

import uvloop
from aiohttp import web
from aiokafka import AIOKafkaProducer

OPTIONS = {
    "acks": "all",
    "linger_ms": 0,
    "max_batch_size": 900_000,
    "max_request_size": 64 * 1024 * 1024,
    "metadata_max_age_ms": 10_000,
    "request_timeout_ms": 10_000,
    "retry_backoff_ms": 50,
}
"""Those of `headrace.kafka.producer.new_producer`."""


async def main(servers: str, topic: str, codec: str) -> None:
    """Serve until the process is ended."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, compression_type=None if codec == "none" else codec, **OPTIONS
    )

    async def take(request: web.Request) -> web.Response:
        await producer.send_and_wait(topic, await request.read())
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/webhooks/{provider}/{tenant}", take)
    runner = web.AppRunner(app, access_log=None)
    await producer.start()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
