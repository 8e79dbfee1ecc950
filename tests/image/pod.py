"""One pod: its container is started, probed, started again when it ends, and stopped, as the kubelet does all that."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from tests.image.engine import docker, inspect, logs
from tests.image.template import HttpProbe, PodTemplate
from tests.integration.pipeline import until

BACK_OFF: Final = 2.0
"""Seconds between the end of a container and the next; a kubelet takes 10 and more."""
_KILLED: Final = 137


class Pod:
    """A pod of a template. `surroundings` are options of `docker run` that no template says: network and hosts."""

    def __init__(
        self, name: str, template: PodTemplate, image: str, places: Mapping[str, Path], surroundings: list[str]
    ) -> None:
        self.name: Final = name
        self.template: Final = template
        self.address = ""
        self.ready = False
        self.starts: list[float] = []
        """Seconds from each start of a container until its startup probe passed."""
        self.ends: list[int] = []
        """The exit code of each container that ended, unless it was asked to."""
        self.wanted_restarts: list[str] = []
        """The probes by which a kubelet would have restarted a container."""
        self._options = [f"--name={name}", *surroundings, *template.options(image, places)]
        self._life: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start the pod, and keep it alive."""
        self._life = asyncio.create_task(self._live())

    async def completed(self) -> None:
        """Run the pod until its container ends well, as a Job does."""
        while True:
            await self._run_container()
            if (code := await self._ended()) == 0:
                return
            self.ends.append(code)
            await self._remove()
            await asyncio.sleep(BACK_OFF)

    async def kill(self) -> None:
        """End the container by SIGKILL; the next one is started behind it."""
        ended = len(self.ends)
        await asyncio.to_thread(docker, "kill", "--signal=KILL", self.name)
        await until(lambda: len(self.ends) > ended, "the end of the container is seen")
        assert self.ends.pop() == _KILLED

    async def stop(self) -> float:
        """End the pod as a kubelet does; return how many seconds it took, and assert that it ended well and in time."""
        began = time.monotonic()
        await self.abandon()
        if self.template.before_stop:
            await asyncio.to_thread(docker, "exec", self.name, *self.template.before_stop)
        left = self.template.grace - (time.monotonic() - began)
        await asyncio.to_thread(docker, "stop", f"--time={int(left)}", self.name)
        took = time.monotonic() - began
        state = (await asyncio.to_thread(inspect, self.name))["State"]
        assert state["ExitCode"] == 0, f"{self.name} ended with {state}: {await self.tail()}"
        assert took < self.template.grace, f"{self.name} took {took:.0f} s to end"
        await self._remove()
        return took

    async def abandon(self) -> None:
        """Keep the pod alive no longer, and send it no traffic."""
        self.ready = False
        if self._life is not None:
            self._life.cancel()
            with suppress(asyncio.CancelledError):
                await self._life
            self._life = None

    async def memory(self) -> str:
        """Return what the container is charged for now, as `docker stats` shows it: without cached files."""
        shown = await asyncio.to_thread(docker, "stats", "--no-stream", "--format={{.MemUsage}}", self.name)
        return shown.partition(" / ")[0]

    async def tail(self, lines: int = 15) -> str:
        """Return the end of what the container wrote."""
        return "\n".join((await asyncio.to_thread(logs, self.name)).splitlines()[-lines:])

    def url(self, port: str) -> str:
        """Return where a port of the pod is."""
        return f"http://{self.address}:{self.template.port(port)}"

    async def _live(self) -> None:
        while True:
            await self._run_container()
            probing = asyncio.create_task(self._probe())
            try:
                self.ends.append(await self._ended())
            finally:
                probing.cancel()
                with suppress(asyncio.CancelledError):
                    await probing
                self.ready = False
            await self._remove()
            await asyncio.sleep(BACK_OFF)

    async def _run_container(self) -> None:
        await asyncio.to_thread(docker, "run", "--detach", *self._options)
        (network,) = (await asyncio.to_thread(inspect, self.name))["NetworkSettings"]["Networks"].values()
        self.address = network["IPAddress"]

    async def _ended(self) -> int:
        waiting = await asyncio.create_subprocess_exec("docker", "wait", self.name, stdout=asyncio.subprocess.PIPE)
        try:
            output, _ = await waiting.communicate()
        finally:
            if waiting.returncode is None:
                waiting.kill()
                await waiting.wait()
        return int(output)

    async def _remove(self) -> None:
        await asyncio.to_thread(docker, "rm", "--volumes", self.name)

    async def _probe(self) -> None:
        """Let the startup probe pass, then ask for life and readiness, each at its own pace, until cancelled."""
        began = time.monotonic()
        async with aiohttp.ClientSession() as client:
            await self._until_started(client)
            self.starts.append(time.monotonic() - began)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(client, "liveness"))
                group.create_task(self._watch(client, "readiness"))

    async def _until_started(self, client: aiohttp.ClientSession) -> None:
        probe = self.template.probe("startup")
        assert probe is not None
        for _ in range(probe.threshold):
            if await self._passes(client, probe):
                return
            await asyncio.sleep(probe.period)
        self.wanted_restarts.append("startup")

    async def _watch(self, client: aiohttp.ClientSession, kind: str) -> None:
        probe, failed = self.template.probe(kind), 0
        assert probe is not None
        while True:
            failed = 0 if await self._passes(client, probe) else failed + 1
            if kind == "readiness" and (not failed or failed == probe.threshold):
                self.ready = not failed
            elif kind == "liveness" and failed == probe.threshold:
                self.wanted_restarts.append(kind)
            await asyncio.sleep(probe.period)

    async def _passes(self, client: aiohttp.ClientSession, probe: HttpProbe) -> bool:
        timeout = aiohttp.ClientTimeout(total=probe.timeout)
        try:
            async with client.get(f"http://{self.address}:{probe.port}{probe.path}", timeout=timeout) as answer:
                return 200 <= answer.status < 400
        except (aiohttp.ClientError, TimeoutError):
            return False
