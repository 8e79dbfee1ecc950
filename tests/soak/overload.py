"""Ten times more than the service can take, for minutes: it refuses and lives on, and recovers by itself."""

import asyncio
import time
from contextlib import suppress
from typing import Final

from tests.soak.report import Outcome
from tests.soak.rig import Rig
from tests.soak.sender import Order, Sent
from tests.soak.soak import SETTLES_WITHIN, beside, conserve, finish
from tests.soak.watch import Watch

BACKGROUND: Final = 200.0
"""Events a second of which the polled shares happen beside it."""
MEASURED: Final = 20.0
"""Seconds in which it is measured what the service takes."""
TIMES: Final = 10.0
_SENDERS: Final = 2
_AT_ONCE: Final = 700
"""Deliveries on their way of each sender: together more than the 1,000 connections that a receiver holds."""
_PATIENCE: Final = 10.0
_GOES_THROUGH_WITHIN: Final = 120.0
_FINE: Final = {"200", "202", "429", "503", "408", "connection closed", "in time: none"}
"""Answers that may come: any other, or a refusal without Retry-After, is a fault."""


async def overload(rig: Rig, outcome: Outcome, seconds: float) -> None:
    """Play it on an open rig, and note what came of it."""
    names: list[str] = []
    watch = Watch(rig, lambda: _about([rig.sent(name) for name in names]))
    outcome.watch = watch
    looks = asyncio.create_task(watch.look())
    try:
        await beside(looks, _flooded(rig, outcome, watch, names, seconds))
    finally:
        looks.cancel()
        with suppress(asyncio.CancelledError):
            await looks
    outcome.note("ended", watch.faults)
    outcome.note("stopped", await rig.stop())
    await asyncio.to_thread(conserve, rig, outcome, names)
    strange = {word for sent in outcome.sent for word in sent.answers} - _FINE
    outcome.note("answers", sorted(strange))


async def _flooded(rig: Rig, outcome: Outcome, watch: Watch, names: list[str], seconds: float) -> None:
    """Measure, let it rest, flood it, and see it recover; `names` are those of the senders so far."""
    names.append("capacity")
    took = await _capacity(rig)
    async with asyncio.timeout(SETTLES_WITHIN):
        while watch.lag > BACKGROUND or watch.spooled:  # noqa: ASYNC110  (other processes: they are scraped)
            await asyncio.sleep(0.5)
    begun = time.monotonic()
    names += _flood(rig, took * TIMES, seconds)
    await _over(rig, names, seconds)
    offered = time.monotonic() - begun
    outcome.rows += _offers([rig.sent(name) for name in names[1:]], took, offered)
    await finish(rig, outcome, names)
    outcome.rows.append(("a delivery goes through after that, s", await _again(rig, outcome, watch, names)))


async def _capacity(rig: Rig) -> float:
    """Return the facts a second that are accepted of senders that wait for each answer."""
    rig.send(_order(rig, "capacity", rate=100_000.0, seconds=MEASURED, at_once=64, attempts=2))
    await _over(rig, ["capacity"], MEASURED)
    return rig.sent("capacity").accepted / MEASURED


def _flood(rig: Rig, rate: float, seconds: float) -> list[str]:
    names = [f"flood-{number}" for number in range(_SENDERS)]
    for name in names:
        rig.send(_order(rig, name, rate=rate / _SENDERS, seconds=seconds, at_once=_AT_ONCE, attempts=1))
    return names


async def _over(rig: Rig, names: list[str], seconds: float) -> None:
    """Wait until the senders are done."""
    async with asyncio.timeout(seconds + 300):
        while not all(rig.sent(name).done for name in names):  # noqa: ASYNC110  (another process: a file is looked at)
            await asyncio.sleep(0.5)


def _order(rig: Rig, name: str, *, rate: float, seconds: float, at_once: int, attempts: int) -> Order:
    seeds = {"capacity": 1, "flood-0": 2, "flood-1": 3, "again": 4}
    return Order(
        home=str(rig.home), name=name, seed=rig.span.seed * 10 + seeds[name], doors=rig.doors, rate=rate,
        seconds=seconds, at_once=at_once, attempts=attempts, patience=_PATIENCE,
    )  # fmt: skip


async def _again(rig: Rig, outcome: Outcome, watch: Watch, names: list[str]) -> str:
    """Send for a second as before the flood; return how long it takes until all of it is published."""
    names.append("again")
    began = time.monotonic()
    rig.send(_order(rig, "again", rate=50.0, seconds=1.0, at_once=16, attempts=1))
    await _over(rig, ["again"], 1.0)
    while time.monotonic() < began + _GOES_THROUGH_WITHIN:
        if await watch.scrape() and not watch.lag and not watch.spooled:
            break
        await asyncio.sleep(0.1)
    sent = rig.sent("again")
    if sent.accepted != sent.offered or watch.lag:
        outcome.note("recovery", [f"{sent.accepted} of {sent.offered} facts accepted, lag {watch.lag:.0f}"])
    return f"{time.monotonic() - began:.1f} ({sent.accepted} of {sent.offered} facts accepted)"


def _offers(sent: list[Sent], took: float, seconds: float) -> list[tuple[str, str]]:
    offered, busy = sum(one.offered for one in sent), sum(one.busy for one in sent)
    return [
        ("what it takes, facts a second", f"{took:,.0f}"),
        ("offered, facts a second", f"{offered / seconds:,.0f} ({offered / seconds / max(took, 1):.1f} times as many)"),
        ("wanted, and every connection busy, facts a second", f"{busy / seconds:,.0f}"),
        ("accepted meanwhile, facts a second", f"{sum(one.accepted for one in sent) / seconds:,.0f}"),
    ]


def _about(sent: list[Sent]) -> str:
    offered, accepted = sum(one.offered for one in sent), sum(one.accepted for one in sent)
    return f"{offered:,} facts offered, {accepted:,} accepted, {sum(one.busy for one in sent):,} not sent"
