"""The role of the page beside others: where it cannot run, they go on."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from headrace import roles
from headrace.config import load
from headrace.config.live import LiveConfig
from headrace.console.role import ConsoleRole
from headrace.observe.registry import Registry
from tests.integration.pipeline import until
from tests.unit.configs import write


async def test_a_port_that_is_taken_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and tried again; then the page is there."""
    monkeypatch.setattr(roles, "RETRY_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = load(write(tmp_path, f'[kafka]\nbootstrap_servers = "127.0.0.1:9"\n[console]\nport = {port}\n'), {})
        role = ConsoleRole(LiveConfig(config), Registry("1"))
        running = asyncio.create_task(roles.run_beside(role))
        await until(lambda: b"cannot be had" in role.health.ready().json(), "it says why it is not there")
    await until(lambda: role.health.ready().ok, "it is there")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
