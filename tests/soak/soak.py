"""Half an hour of webhooks and polled events at a steady rate, under random kills; then everything is judged."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.soak import polled
from tests.soak.alerts import Firing, firings, reason
from tests.soak.books import PolledBook
from tests.soak.chaos import Chaos
from tests.soak.conservation import Books, Reader, judge
from tests.soak.facts import facts_in
from tests.soak.report import Outcome
from tests.soak.rig import PREFIX, Rig
from tests.soak.sender import Order
from tests.soak.watch import Watch

CALM: Final = 45.0
"""Seconds at the end without kills: whoever is killed last is back before the load ends."""
SETTLES_WITHIN: Final = 300.0
QUIET: Final = 25.0
"""Seconds without a new raw record behind which nothing comes any more: every feed has been read some times."""
_SENDER: Final = "webhooks"


async def soak(rig: Rig, outcome: Outcome, kill_every: float) -> None:
    """Play it on an open rig, and note what came of it."""
    span = rig.span
    share = 1.0 - sum(polled.SHARES.values())
    chaos = Chaos(rig.brokers, rig.places, span.seed, kill_every)
    watch = Watch(
        rig, lambda: f"{rig.sent(_SENDER).accepted:,} facts by webhook  {len(chaos.kills)} kills, {chaos.last}"
    )
    outcome.watch, outcome.kills = watch, chaos.kills
    looks = asyncio.create_task(watch.look())
    began = time.monotonic()
    rig.send(webhooks(rig, span.rate * share, span.seconds))
    await beside(looks, chaos.rage(began + span.seconds - CALM))
    await beside(looks, asyncio.sleep(max(0.0, began + span.seconds - time.monotonic())))
    await beside(looks, finish(rig, outcome, [_SENDER]))
    looks.cancel()
    with suppress(asyncio.CancelledError):
        await looks
    outcome.note("chaos", chaos.faults)
    note_alerts(outcome, firings(await rig.prometheus.fired(span.start, time.time())))
    outcome.note("rules", await rig.prometheus.unhealthy_rules() + await rig.prometheus.unseen(rig.places))
    outcome.note("ended", watch.faults)
    outcome.note("stopped", await rig.stop())
    await asyncio.to_thread(conserve, rig, outcome, [_SENDER])


def webhooks(rig: Rig, rate: float, seconds: float) -> Order:
    """Return the order for platforms that try again until a receiver takes it."""
    return Order(
        home=str(rig.home), name=_SENDER, seed=rig.span.seed, doors=rig.doors, rate=rate, seconds=seconds,
        at_once=128, attempts=400, patience=20.0,
    )  # fmt: skip


async def finish(rig: Rig, outcome: Outcome, names: Iterable[str]) -> None:
    """Wait until the senders are done, and all is decided: no lag, empty spools, nothing new in raw."""
    began, still, ends = time.monotonic(), time.monotonic(), dict[int, int]()
    reader, watch = Reader(rig.brokers.servers, PREFIX), outcome.watch
    assert watch is not None  # for the type checker
    while time.monotonic() < began + SETTLES_WITHIN:
        now = await asyncio.to_thread(reader.ends, "raw")
        if now != ends or watch.lag or watch.spooled or not all(rig.sent(name).done for name in names):
            ends, still = now, time.monotonic()
        elif time.monotonic() - still > QUIET:
            outcome.settled = still - began
            return
        await asyncio.sleep(1.0)
    outcome.note("unsettled", [f"lag {watch.lag:.0f}, spool {watch.spooled:.0f} after {SETTLES_WITHIN:.0f} s"])


def conserve(rig: Rig, outcome: Outcome, names: list[str]) -> None:
    """Judge what came out."""
    began = time.monotonic()
    files = {kind: [rig.home / f"{name}.{kind}" for name in names] for kind in ("offered", "accepted")}
    accounts = {polled.sender(each).source: PolledBook(polled.history(each, rig.span)) for each in polled.SHARES}
    books = Books(facts_in(*files["offered"]), facts_in(*files["accepted"]), accounts)
    assert outcome.watch is not None  # for the type checker
    watch = outcome.watch
    outcome.fates = judge(Reader(rig.brokers.servers, PREFIX), books, time.time(), watch.show)
    outcome.judged, outcome.judging = books.events, time.monotonic() - began
    outcome.sent = [rig.sent(name) for name in names]
    outcome.disk = disk_of(rig.home / "brokers")
    for kind, found in books.faults.items():
        outcome.note(kind, found)


def note_alerts(outcome: Outcome, fired: list[Firing]) -> None:
    """Note each alert with the kills that provoked it; any other is a fault."""
    for firing in fired:
        why = reason(firing, outcome.kills)
        outcome.alerts.append((firing, why))
        if why is None:
            outcome.note("alerts", [f"{firing}, unprovoked"])


def disk_of(folder: Path) -> int:
    """Return the bytes that files take, holes left out."""
    sizes = Counter[str]()
    for file in folder.rglob("*"):
        with suppress(OSError):
            sizes["all"] += file.stat().st_blocks * 512
    return sizes["all"]


async def beside(looks: asyncio.Task[None], doing: Coroutine[Any, Any, None]) -> None:
    """Do something while a watch looks; where that fails, so does this."""
    task = asyncio.create_task(doing)
    await asyncio.wait({looks, task}, return_when=asyncio.FIRST_COMPLETED)
    if looks.done():
        task.cancel()
        await looks
    await task
