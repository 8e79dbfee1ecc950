"""Everything that a run needs, opened in order and closed whatever happens: brokers, platforms, roles, Prometheus."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from headrace_demo import senders
from headrace_demo.process import Child
from tests.integration.pipeline import until
from tests.soak import polled, sender
from tests.soak.brokers import Brokers
from tests.soak.places import Place, configured, make_places
from tests.soak.platforms import PlatformsOrder, urls_file
from tests.soak.scraping import ScrapedService
from tests.soak.sender import Order, Sent, state_file

PREFIX: Final = "soak."
ROLES: Final = {"receiver": 2, "normalizer": 2, "poller": 2}
PARTITIONS: Final = 12
BYTES_AN_EVENT: Final = 9_000
"""On the disk, three replicas of raw, event, mark and markers, generously: measured in README.md."""
SPARE: Final = 4 * 1024**3
"""Bytes that stay free."""
_APPLIES: Final = 3
_HEADRACE: Final = Path(sys.executable).with_name("headrace")


class Unfit(Exception):  # noqa: N818  (a sentence for whoever started it)
    """This machine cannot do it; the text says why."""


class Rig:
    """A whole service at work. Use `open_rig`."""

    def __init__(self, home: Path, span: polled.Span) -> None:
        self.home: Final = home
        self.span: Final = span
        self.brokers: Final = Brokers(home / "brokers")
        self.places: Final = make_places(ROLES, home)
        self._platforms: Child | None = None
        self._prometheus: ScrapedService | None = None
        self._senders: Final[list[Child]] = []

    @property
    def prometheus(self) -> ScrapedService:
        """What scrapes all places."""
        assert self._prometheus is not None  # for the type checker: the rig is open
        return self._prometheus

    @property
    def doors(self) -> list[int]:
        """The ports of the receivers."""
        return [place.door for place in self.places if place.role == "receiver"]

    async def open(self) -> None:
        """Start everything. Call it in the main thread (see `Child`)."""
        await self.brokers.start()
        text = configured(self.brokers.servers, PREFIX, await self._tenants())
        await asyncio.to_thread(self._apply, text)
        for place in self.places:
            place.configure(text)
            place.start()
        self._prometheus = ScrapedService(self.home / "prometheus", self.places)
        await self._prometheus.ready()
        for place in self.places:
            await place.ready()

    def send(self, order: Order) -> None:
        """Start a sender of webhooks."""
        self._senders.append(self._child("sender", order, order.name))

    def sent(self, name: str) -> Sent:
        """Return how far a sender is."""
        with suppress(FileNotFoundError):
            return msgspec.json.decode(state_file(self.home, name).read_bytes(), type=Sent)
        return Sent()

    def ended(self) -> list[str]:
        """Return what ended by itself: brokers, roles, and platforms or senders that failed."""
        helpers = [child for child in (self._platforms, *self._senders) if child is not None]
        failed = [f"a helper ended with {child.exit_code}" for child in helpers if child.exit_code not in {None, 0}]
        return [*self.brokers.ended(), *(words for place in self.places if (words := place.ended())), *failed]

    async def stop(self) -> list[str]:
        """End the roles in good order; return what was wrong with that."""
        wrong = await asyncio.gather(*(asyncio.to_thread(_stop, place) for place in self.places))
        return [words for words in wrong if words]

    def close(self) -> None:
        """End whatever runs, at once."""
        for child in (self._platforms, *self._senders):
            if child is not None:
                child.kill()
        for place in self.places:
            place.close()
        if self._prometheus is not None:
            self._prometheus.close()
        self.brokers.close()

    def clear(self, *, logs: bool) -> None:
        """Remove what takes room; with `logs` all of it."""
        for place in self.brokers.nodes.values():
            shutil.rmtree(place.home / "data", ignore_errors=True)
        shutil.rmtree(self.home / "prometheus" / "data", ignore_errors=True)
        if logs:
            shutil.rmtree(self.home, ignore_errors=True)

    async def _tenants(self) -> str:
        """Start the platforms; return the configuration of all accounts."""
        order = PlatformsOrder(str(self.home), self.span, self.doors)
        self._platforms = self._child("platforms", order, "platforms")
        file = urls_file(self.home)
        await until(file.exists, "the platforms are served", deadline=120)
        urls = msgspec.json.decode(await asyncio.to_thread(file.read_bytes), type=dict[str, str])
        webhooks = (senders.toml(one, **polled.mapped(one.provider, self.home)) for one in sender.platforms(0))
        return "\n".join([*webhooks, polled.tenants(urls, self.home)])

    def _child(self, module: str, order: object, name: str) -> Child:
        command = [sys.executable, "-m", f"tests.soak.{module}", msgspec.json.encode(order).decode()]
        return Child(command, log=self.home / f"{name}.log", cwd=Path.cwd())

    def _apply(self, text: str) -> None:
        """Create the topics, three replicas each; run it again where it fails."""
        file = self.home / "topics.toml"
        file.write_text(text.replace("DOOR", "0").replace("ADMIN", "0"))
        command = (_HEADRACE, "--config", file, "topics", "apply", "--partitions", str(PARTITIONS))
        for _ in range(_APPLIES):
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            if done.returncode == 0:
                return
        raise RuntimeError(f"topics apply failed {_APPLIES} times: {done.stderr}")


def check(home: Path, events: float) -> None:
    """Raise `Unfit` where something is missing for so many events."""
    for program in ("prometheus", "java"):
        if shutil.which(program) is None:
            raise Unfit(f"there is no {program}")
    free, needed = shutil.disk_usage(home).free, int(events * BYTES_AN_EVENT) + SPARE
    if free < needed:
        raise Unfit(f"{needed / 1e9:.0f} GB are needed below {home}, {free / 1e9:.0f} GB are free")


@asynccontextmanager
async def open_rig(home: Path, span: polled.Span) -> AsyncIterator[Rig]:
    """Start all of it in an empty folder; end it whatever happens."""
    rig = Rig(home, span)
    try:
        await rig.open()
        yield rig
    finally:
        rig.close()


def _stop(place: Place) -> str | None:
    try:
        return place.stop()
    except (subprocess.TimeoutExpired, RuntimeError) as error:
        return f"{place.name} goes on after SIGTERM: {error}"
