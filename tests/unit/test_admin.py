import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from headrace.observe import admin
from headrace.observe.admin import CannotServe, serve
from headrace.observe.health import Health
from headrace.observe.registry import Registry

DEADLINE = 10.0


class Port:
    """An admin port on loopback with one role behind it, and a client for it."""

    def __init__(self, port: int, health: Health, client: aiohttp.ClientSession) -> None:
        self.port = port
        self.health = health
        self.client = client

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, str, str]:
        async with self.client.request(method, f"http://127.0.0.1:{self.port}{path}", **more) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), await answer.text()

    async def probe(self, name: str) -> tuple[int, dict[str, Any]]:
        async with self.client.get(f"http://127.0.0.1:{self.port}/healthz/{name}") as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def opened(*more: Health) -> AsyncIterator[Port]:
    health = Health(lambda: 0.0)
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    registry = Registry("1.2.3")
    async with serve("127.0.0.1", 0, registry, health, *more) as port, aiohttp.ClientSession(timeout=timeout) as client:
        yield Port(port, health, client)


async def test_metrics_are_served_as_prometheus_reads_them() -> None:
    """/metrics is the text format, and parses."""
    async with opened() as port:
        status, kind, text = await port.ask("/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "headrace_build_info" in {family.name for family in text_string_to_metric_families(text)}


async def test_probes_answer_200_or_503_with_every_check() -> None:
    """Before anything is verified a process is alive, but has neither started nor is it ready."""
    async with opened() as port:
        assert (await port.probe("live"))[0] == 200
        status, body = await port.probe("ready")
        assert status == 503
        assert body["ok"] is False
        assert {check["check"] for check in body["checks"] if not check["ok"]} == {
            "verified",
            "kafka",
            "group",
            "tasks",
        }
        assert (await port.probe("startup"))[0] == 503
        port.health.verified()
        assert (await port.probe("startup"))[0] == 200
        port.health.kafka(answers=True)
        port.health.joined(member=True)
        port.health.assigned({1})
        port.health.progress(1, "running", 0, True)  # noqa: FBT003  (it moved)
        status, body = await port.probe("ready")
        assert (status, body["ok"]) == (200, True)
        assert all(check["why"] for check in body["checks"])


async def test_several_roles_are_well_when_each_is() -> None:
    """The roles of one process share the port; each check names its role."""
    other = Health(lambda: 0.0, role="other")
    async with opened(other) as port:
        port.health.verified()
        status, body = await port.probe("startup")
        assert status == 503
        assert [(check["role"], check["ok"]) for check in body["checks"]] == [("normalizer", True), ("other", False)]
        other.verified()
        assert (await port.probe("startup"))[0] == 200


async def test_the_index_says_what_there_is() -> None:
    """A person who opens the port finds the paths."""
    async with opened() as port:
        status, kind, text = await port.ask("/")
        assert (status, kind) == (200, "text/plain; charset=utf-8")
        for path in [word for line in text.splitlines() for word in line.split() if word.startswith("/")]:
            assert (await port.ask(path))[0] in {200, 503}
        assert (await port.ask("/metrics", "HEAD"))[0] == 200


async def test_what_there_is_not_is_refused() -> None:
    """Other paths are unknown, other methods not allowed, large bodies not read."""
    async with opened() as port:
        assert (await port.ask("/healthz"))[0] == 404
        assert (await port.ask("/metrics", "POST", data=b"x" * 10_000))[0] == 405


async def test_no_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Probes come every few seconds: there is no access log."""
    caplog.set_level("DEBUG")
    async with opened() as port:
        await port.ask("/healthz/live")
    assert not [record for record in caplog.records if record.name.startswith("aiohttp.access")]


async def test_promise_8_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a silent connection nor half a request holds a place for ever."""
    monkeypatch.setattr(admin, "IDLE_SECONDS", 0.2)
    async with opened() as port:
        for start in (b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
            writer.write(start)
            async with asyncio.timeout(DEADLINE):
                assert await reader.read() == b""
            writer.close()


async def test_promise_8_an_open_connection_does_not_hold_up_the_end() -> None:
    """The port closes while somebody is still connected, and is free again."""
    async with opened() as port:
        number = port.port
        _, writer = await asyncio.open_connection("127.0.0.1", number)
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(OSError, match=str(number)):
            await asyncio.open_connection("127.0.0.1", number)
    writer.close()


async def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    """The operator reads which port it is."""
    async with opened() as port:
        with pytest.raises(CannotServe, match=str(port.port)):
            async with serve("127.0.0.1", port.port, Registry("1"), port.health):
                pass


async def test_a_scrape_that_breaks_is_a_500_and_the_port_lives_on() -> None:
    """One broken scrape stays one."""

    class Broken(Registry):
        def render(self) -> bytes:
            raise web.HTTPInternalServerError

    health = Health(lambda: 0.0)
    async with serve("127.0.0.1", 0, Broken("1"), health) as number, aiohttp.ClientSession() as client:
        port = Port(number, health, client)
        assert (await port.ask("/metrics"))[0] == 500
        assert (await port.ask("/healthz/live"))[0] == 200
