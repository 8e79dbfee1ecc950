"""The real program, as processes of its own: what the demo plays through."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp

from headrace_demo.failure import Failed
from headrace_demo.screen import Screen

_HEADRACE: Final = (sys.executable, "-m", "headrace")
_START_SECONDS: Final = 60.0


async def headrace(*arguments: str, stdin: bytes = b"") -> None:
    """Run one command. Raises `Failed` with the end of what it prints where its exit code is not 0."""
    process = await asyncio.create_subprocess_exec(
        *_HEADRACE, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(_START_SECONDS):
        out, _ = await process.communicate(stdin)
    if process.returncode != 0:
        raise Failed(f"headrace {' '.join(arguments[:2])} ended with {process.returncode}: {out.decode()[-800:]}")


@contextlib.asynccontextmanager
async def service(home: Path, screen: Screen) -> AsyncIterator[asyncio.Event]:
    """Run all roles and the page, show decided records, and stop all in order; yield an event set at each record."""
    decided, ready = asyncio.Event(), asyncio.Event()
    log = home / "headrace.log"
    process = await asyncio.create_subprocess_exec(
        *_HEADRACE, "run", "--role", "all", "--role", "console",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip

    async def follow() -> None:
        assert process.stdout is not None  # noqa: S101  (it is a pipe)
        with log.open("wb") as file:
            async for line in process.stdout:
                file.write(line)
                entry = _entry(line)
                if entry.get("event") == "record_decided":
                    screen.decided(entry)
                    decided.set()
                elif entry.get("event") == "task_restored" and entry.get("role") != "poller":
                    ready.set()

    following = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(_START_SECONDS):
            await asyncio.wait({asyncio.create_task(ready.wait()), following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            raise Failed(f"the service ended: {log.read_text()[-800:]}")
        yield decided
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await following


async def gauge(admin: int, name: str) -> float:
    """Return the value of one metric."""
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{admin}/metrics") as answer:
        text = await answer.text()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    if found is None:
        raise Failed(f"the metrics have no {name}")
    return float(found[1])


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return entry
