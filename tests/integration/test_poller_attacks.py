"""Hostile and broken platforms against the real poller: memory stays within its law, and other tenants are read."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import make_pipeline, until
from tests.kafka.broker import Broker

MIB: Final = 2**20
PART: Final = 64 * 1024
LAW: Final = 460 * MIB
"""What a poller of these tenants may take at worst, by service/docs/memory.md."""
MANY: Final = 2
"""Hostile tenants of each platform, those with leads with four turns at a time: 18 answers at once."""
LISTS: Final = (("/ProspectActivity.svc/", "ProspectActivities"), ("/events/leads/", "items"), ("", "data"))
"""What the list of a page is called, by what the path of its call has in it."""
QUIET: Final = b'{"data":[{"type":"event","id":7,"attributes":{"name":"prospect_created"}}]}'

Chunks = Iterator[bytes]


def endless(start: bytes) -> Chunks:
    """Yield a body of a gigabyte."""
    yield start + b'["'
    for _ in range(16_384):
        yield b"x" * PART


def lists(start: bytes) -> Chunks:
    """Yield a page of 24 MB that takes 750 MB once it is decoded."""
    yield start + b"["
    for _ in range(384):
        yield b"[]," * 21_845
    yield b"[]]}"


def rows(start: bytes) -> Chunks:
    """Yield a page that is within every limit of bytes, and has 300,000 rows."""
    body = start + b"[" + b",".join(b"%d" % number for number in range(300_000)) + b"]}"
    yield from (body[begin : begin + PART] for begin in range(0, len(body), PART))


def bomb(start: bytes) -> Chunks:
    """Yield 64 MiB, packed into a sixteenth of a megabyte."""
    packer = zlib.compressobj(6, wbits=31)
    yield b"".join((packer.compress(start + b'["'), *(packer.compress(bytes(MIB)) for _ in range(64)), packer.flush()))


def drip(start: bytes) -> Chunks:
    """Yield as much as one answer may have, and then nothing more for long."""
    yield start + b'["'
    for _ in range(240):
        yield b"x" * PART
    while True:
        yield b"x"


Attack = Callable[[bytes], Chunks]


class HostilePlatform:
    """Answers every call with an attack, but for the quiet tenant."""

    def __init__(self, attack: Attack) -> None:
        self._attack = attack
        self._bodies: dict[str, list[bytes]] = {}
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call for as long as it is read."""
        if request.path.startswith("/quiet/"):
            return web.Response(body=QUIET, content_type="application/json")
        name = next(name for part, name in LISTS if part in request.path)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self._attack is bomb:
            response.headers["Content-Encoding"] = "gzip"
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for chunk in self._chunks(name):
                await response.write(chunk)
                if len(chunk) == 1:
                    await asyncio.sleep(0.5)
        return response

    def _chunks(self, name: str) -> Chunks:
        start = b'{"%b":' % name.encode()
        if self._attack in (endless, drip):
            return self._attack(start)
        if name not in self._bodies:  # made once: it takes a second, for which nobody is answered
            self._bodies[name] = list(self._attack(start))
        return iter(self._bodies[name])


@contextlib.asynccontextmanager
async def hostile(attack: Attack) -> AsyncIterator[HostilePlatform]:
    """Open a platform on loopback."""
    there = HostilePlatform(attack)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", there.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        host, port = runner.addresses[0][:2]
        there.url = f"http://{host}:{port}"
        yield there
    finally:
        await runner.cleanup()


def tenants(url: str) -> str:
    """Write the tenants: many whose platform is hostile, and one whose platform is not."""
    leads = ", ".join(f'"lead-{number}"' for number in range(4))
    found = [f'[tenants.outreach.quiet]\npolling = true\naccess_token = "t"\nbase_url = "{url}/quiet"\n']
    for number in range(MANY):
        common = f'polling = true\nbase_url = "{url}"\n'
        found += [
            f'[tenants.outreach.bad{number}]\naccess_token = "t"\n{common}',
            f'[tenants.leadping.bad{number}]\napi_key = "k"\nleads = [{leads}]\n{common}',
            f'[tenants.leadsquared.bad{number}]\naccess_key = "a"\nsecret_key = "s"\nleads = [{leads}]\n{common}',
        ]
    return "\n".join(found)


async def total(program: Program, name: str, **labels: str) -> float:
    """Return the sum of a metric over all label sets that have these labels."""
    numbers = await program.numbers()
    return sum(n for (found, has), n in numbers.items() if found == f"headrace_{name}" and labels.items() <= set(has))


def resident(program: Program) -> int:
    """Return the largest resident set that the process ever had, in bytes."""
    status = Path(f"/proc/{program.child.pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.parametrize("attack", [endless, lists, rows, bomb, drip], ids=lambda attack: attack.__name__)
async def test_no_answer_takes_more_than_its_share(attack: Attack, kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """Dozens of calls are answered with what would exhaust the memory: it is refused, and the quiet tenant is read."""
    await make_pipeline(kafka.bootstrap_servers, prefix, partitions=1)
    async with hostile(attack) as platform:
        text = configuration(kafka.bootstrap_servers, prefix, tenants(platform.url))
        program = Program(text, tmp_path, "poller", roles=("poller",))
        try:
            await program.ready()

            async def held_out() -> bool:
                with contextlib.suppress(TimeoutError):  # it may have more to do than to be scraped
                    refused = await total(program, "turns_total", outcome="too_heavy")
                    return refused >= MANY and await total(program, "feed_records_total", tenant="quiet") >= 1
                return False

            await until(held_out, "what is too much is refused, and the quiet tenant is read", deadline=120, every=0.5)
            highest = await total(program, "answers_highest_bytes")
            assert highest < await total(program, "answers_limit_bytes") + 19 * MIB
            assert resident(program) < LAW
        finally:
            program.stop()
