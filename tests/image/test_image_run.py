"""The image with each rendered overlay, on a Docker engine: pods killed, replaced, scaled, under load.

`make image-run` builds the image and runs this. Pods get what their templates say (`template.py`); what only a cluster
enforces, policies of the network and budgets of disruption, is not tried.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from headrace.records.raw import from_raw_record
from headrace_demo import senders
from headrace_demo.senders import Sender
from tests.acceptance.judge import Judge, Position, ReadRecord
from tests.acceptance.platforms import PATIENCE, Platforms
from tests.image import engine
from tests.image.broker import PodsBroker
from tests.image.namespace import Namespace
from tests.image.overlays import SERVER, key_of, render, with_secrets
from tests.image.pod import Pod
from tests.integration.pipeline import until
from tests.results import ShowResult

SEED: Final = int(os.environ.get("HEADRACE_IMAGE_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
IMAGE: Final = os.environ.get("HEADRACE_IMAGE", "headrace:image-run")
PREFIX: Final = "headrace."
PACE: Final = 0.05
"""Seconds between two deliveries."""
MORE: Final = 30
"""Deliveries, and events, that must go on behind everything that is done."""
GOES_ON_WITHIN: Final = 120.0
PERIOD: Final = 0.1

pytestmark = [pytest.mark.image, pytest.mark.timeout(1_200)]


class Run:
    """One overlay under load; `rounds` are what is done to it."""

    def __init__(self, namespace: Namespace, judge: Judge, platforms: Platforms) -> None:
        self.notes: list[str] = []
        self._namespace, self._judge, self._platforms = namespace, judge, platforms

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Send to the receivers that are ready, as their Service does, while the body runs."""
        balancing = asyncio.create_task(self._balance())
        try:
            async with self._platforms.sending(PACE):
                yield
        finally:
            balancing.cancel()
            with suppress(asyncio.CancelledError):
                await balancing

    async def at_rest(self) -> None:
        """Note how long the pods took to start, and their memory before the first delivery."""
        for role, (pod, *_) in self._namespace.roles.items():
            self.notes.append(f"{role} started within {pod.starts[-1]:.1f} s, {await pod.memory()} at rest")

    async def kill_each_role(self) -> None:
        """End one pod of each role by SIGKILL."""
        for role, pods in self._namespace.roles.items():
            await pods[0].kill()
            await self._namespace.all_ready()
            await self._goes_on(f"a {role} was killed")

    async def roll(self) -> None:
        """Replace all pods, role by role."""
        for role in self._namespace.roles:
            took = await self._namespace.restart(role)
            await self._goes_on(f"the pods of {role} were replaced")
            self.notes.append(f"a {role} stopped within {max(took):.1f} s")

    async def scale(self) -> None:
        """Let there be two normalizers more, and then as many as before."""
        before = len(self._namespace.roles["normalizer"])
        for replicas in (before + 2, before):
            await self._namespace.scale("normalizer", replicas)
            await self._goes_on(f"there are {replicas} normalizers")

    async def swap_secrets(self) -> None:
        """Let another secret be good beside the old one, then alone; no pod ends."""
        folder, pods = self._namespace.folder("Secret", "headrace-secrets"), list(self._namespace.pods())
        new = [senders.make(each.provider, seed=SEED + 1) for each in self._platforms.senders]
        old = [senders.make(each.provider, seed=SEED + 2, secret=each.secret) for each in self._platforms.senders]
        folder.swap({key_of(n): f"{n.secret}\n{o.secret}".encode() for n, o in zip(new, old, strict=True)})
        await self._answered(new, accepted=True)
        for sender, renewed in zip(self._platforms.senders, new, strict=True):
            sender.secret = renewed.secret
        await self._goes_on("there is another secret")
        folder.swap({key_of(each): each.secret.encode() for each in new})
        await self._answered(old, accepted=False)
        await self._goes_on("the old secret is gone")
        assert pods == list(self._namespace.pods())

    async def complete(self) -> None:
        """Wait until every raw record has its fate, and judge."""
        assert await asyncio.to_thread(self._judge.settled, lambda: True), "not every raw record has its fate"
        verdict = await asyncio.to_thread(self._judge.verdict, news)
        assert not verdict.faults(), str(verdict.faults())
        in_raw = {fact(record) for record in await asyncio.to_thread(self._judge.read, "raw")}
        lost = self._platforms.promised - in_raw
        assert not lost, f"accepted, and not in raw: {sorted(lost)[:3]}"
        self.notes.append(f"{len(self._platforms.promised)} accepted: {verdict}")

    async def _balance(self) -> None:
        while True:
            if ready := [pod for pod in self._namespace.roles["receiver"] if pod.ready]:
                self._platforms.url = random.choice(ready).url("http")
            await asyncio.sleep(PERIOD)

    async def _goes_on(self, why: str) -> None:
        """Wait until more is accepted, and more published."""
        accepted, events = len(self._platforms.promised), await self._published()

        async def more() -> bool:
            return len(self._platforms.promised) > accepted + MORE and await self._published() > events + MORE

        await until(more, f"it goes on after {why}", deadline=GOES_ON_WITHIN, every=0.5)

    async def _published(self) -> int:
        return sum((await asyncio.to_thread(self._judge.ends, "events")).values())

    async def _answered(self, accounts: Sequence[Sender], *, accepted: bool) -> None:
        """Wait until every receiver accepts the webhooks of these senders, or none does."""
        async with aiohttp.ClientSession(timeout=PATIENCE) as client:
            for pod in self._namespace.roles["receiver"]:
                for sender in accounts:
                    await _until_answered(client, pod, sender, accepted=accepted)


async def _until_answered(client: aiohttp.ClientSession, pod: Pod, sender: Sender, *, accepted: bool) -> None:
    stream = sender.stream()

    async def answered() -> bool:
        sending = next(stream)
        try:
            async with client.post(
                pod.url("http") + sending.path, data=sending.body, headers=sending.headers()
            ) as answer:
                return (200 <= answer.status < 300) == accepted
        except aiohttp.ClientError:
            return not accepted

    await until(answered, f"{pod.name} answers {sender.provider} {accepted=}", every=0.5)


def fact(record: ReadRecord) -> senders.Fact:
    """Return the fact of a raw record: the creation of a task has an id of its own in raw, its event has the task's."""
    raw = from_raw_record(record.headers, record.value)
    is_task = (raw.provider, raw.resource) == ("leadsquared", "task")
    return senders.Fact(raw.source, raw.resource, raw.id.removesuffix("/created") if is_task else raw.id)


def news(raw: Sequence[ReadRecord]) -> set[Position]:
    """Return the first record of each fact: no fact of a sender has a second version."""
    first: dict[senders.Fact, Position] = {}
    for record in raw:
        first.setdefault(fact(record), (record.partition, record.offset))
    return set(first.values())


@pytest.mark.parametrize("overlay", ["development", "production"])
async def test_accepted_webhooks_are_published_once_whatever_happens_to_the_pods(
    overlay: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """Probes answer, pods end in time, each role may be killed, and the judge finds nothing."""
    if reason := engine.why_none():
        pytest.skip(reason)
    platforms = Platforms(SEED, "http://127.0.0.1:1")
    objects = with_secrets(render(overlay, tmp_path), platforms.senders)
    with Namespace(objects, IMAGE, tmp_path / "node") as namespace:
        (tmp_path / "kafka").mkdir()
        namespace.resolves(SERVER.partition(":")[0])
        with closing(PodsBroker(tmp_path / "kafka", namespace.gateway, SERVER)) as broker:
            broker.start()
            await namespace.apply()
            run = Run(namespace, Judge(broker.bootstrap_servers, PREFIX), platforms)
            early = len(namespace.ends())
            await run.at_rest()
            async with run.load():
                await run.kill_each_role()
                await run.roll()
                await run.scale()
                await run.swap_secrets()
            await run.complete()
            took = await namespace.stop()
            assert not namespace.wanted_restarts(), "probes failed"
            assert len(namespace.ends()) == early, "pods ended by themselves"
    size = engine.inspect(IMAGE)["Size"] / 1e6
    run.notes += [
        f"all stopped within {max(took):.1f} s",
        f"before there were topics pods ended {early} times",
        f"seed {SEED}",
    ]
    show_result(f"{overlay}, image of {size:.0f} MB: " + "; ".join(run.notes))
