"""A receiver follows its configuration: each delivery is judged by the one that is in force when it begins."""

import asyncio
from pathlib import Path

import aiohttp
from msgspec.structs import replace

from headrace.config import load
from headrace_demo import senders
from headrace_demo.senders import Sender
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import until
from tests.integration.receiver_harness import NOBODY, ReceiverHarness, running_receiver


def now_are(receiver: ReceiverHarness, home: Path, *accounts: Sender, limits: str = "", **more: object) -> None:
    """Put a configuration with these senders into force."""
    file = home / "other.toml"
    text = configuration(NOBODY, "x.", senders.toml(*accounts, **more), more="[spool]\n")
    file.write_text(text.replace("[receiver]", f"[receiver]\n{limits}"))
    receiver.live.take_over(load(file, {}))


async def test_tenants_come_and_go(tmp_path: Path) -> None:
    """A new tenant is answered at once and counted from 0, a removed one gets 404, its provider stays known."""
    first, second = senders.LeadPing("first"), senders.LeadPing("second")
    sending = next(second.stream())
    async with running_receiver(NOBODY, "x.", tmp_path, first) as receiver:
        assert (await receiver.send(sending)).code == "unknown_tenant"
        now_are(receiver, tmp_path, first, second)
        deliveries = receiver.registry.series("headrace_deliveries_total").values
        assert deliveries["leadping", "second"] == 0
        assert (await receiver.send(sending)).status == 202
        assert deliveries["leadping", "second"] == 1
        now_are(receiver, tmp_path, second)
        assert (await receiver.send(next(first.stream()))).code == "unknown_tenant"
        assert ("leadping", "first") not in receiver.registry.series("headrace_last_delivery_timestamp_seconds").values
        now_are(receiver, tmp_path)
        assert (await receiver.send(sending)).code == "unknown_provider"


async def test_secrets_rotate_and_a_paused_tenant_is_received(tmp_path: Path) -> None:
    """Deliveries are verified with the secrets in force; a paused tenant's are taken as ever."""
    old, new = senders.LeadPing(seed=1), senders.LeadPing(seed=2)
    async with running_receiver(NOBODY, "x.", tmp_path, old) as receiver:
        assert (await receiver.send(next(new.stream()))).status == 401
        now_are(receiver, tmp_path, new, paused=True)
        assert (await receiver.send(next(new.stream()))).status == 202
        assert (await receiver.send(next(old.stream()))).status == 401


async def test_a_delivery_that_has_begun_is_judged_by_what_was_in_force(tmp_path: Path) -> None:
    """A slow body that began before its tenant was removed is taken: its platform was told that it would be."""
    sender = senders.LeadSquared()
    sending = next(sender.stream())
    lines = [f"POST {sending.path} HTTP/1.1", "Host: x", f"Content-Length: {len(sending.body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in sending.headers().items()]
    async with running_receiver(NOBODY, "x.", tmp_path, sender) as receiver:
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.server.port)
        writer.write("\r\n".join([*lines, "", ""]).encode() + sending.body[:1])
        await writer.drain()
        while not receiver.server.bodies.size:  # noqa: ASYNC110  (no event says that a body has begun)
            await asyncio.sleep(0.01)
        now_are(receiver, tmp_path)
        assert (await receiver.send(sending)).status == 404
        writer.write(sending.body[1:])
        assert (await asyncio.wait_for(reader.readline(), 30)).split()[1] == b"200"
        writer.close()
        await writer.wait_closed()


async def test_what_was_charged_stays_charged(tmp_path: Path) -> None:
    """A change of one tenant refills no bucket of another; other rates hold at once, other ports do not."""
    sender, other = senders.LeadSquared("first"), senders.LeadSquared("second")
    stream = (sender.stage() for _ in iter(int, 1))
    async with running_receiver(NOBODY, "x.", tmp_path, sender, receiver="rate = 1\nburst = 2") as receiver:
        while (await receiver.send(next(stream))).status == 200:
            pass
        now_are(receiver, tmp_path, sender, other, limits="rate = 1\nburst = 2\nmax_body = '1KiB'\n")
        assert receiver.live.needs_restart == ("receiver.max_body",)
        assert (await receiver.send(next(stream))).code == "rate_limited"
        limits = replace(receiver.live.config.receiver, rate=1000, burst=1000)
        receiver.live.take_over(replace(receiver.live.config, receiver=limits))
        await asyncio.sleep(0.01)
        assert (await receiver.send(next(stream))).status == 200


async def test_the_program_logs_as_its_file_says_now(tmp_path: Path) -> None:
    """The log level of a process follows its file, and a refusal is logged and leaves it ready."""
    sender = senders.LeadSquared()
    text = configuration(NOBODY, "x.", senders.toml(sender))
    program = Program(text, tmp_path, "receiver", roles=("receiver",))
    try:
        await program.ready()
        url = await program.webhooks()

        async def logs_deliveries() -> bool:
            sending = sender.stage()
            async with (
                aiohttp.ClientSession() as client,
                client.post(url + sending.path, data=sending.body, headers=sending.headers()) as answer,
            ):
                assert answer.status == 200
            return bool(program.events("delivery_kept"))

        assert not await logs_deliveries()
        (tmp_path / "headrace.toml").write_text(text.replace('format = "json"', 'format = "json"\nlevel = "debug"'))
        await until(logs_deliveries, "deliveries are logged", every=0.5)
        (tmp_path / "headrace.toml").write_text("oops")
        await program.says("configuration_refused")
        assert await program.is_ready()
        assert (await program.numbers())["headrace_configuration_refused", frozenset()] == 1
        assert await asyncio.to_thread(program.stop) == 0
    finally:
        program.child.kill()
