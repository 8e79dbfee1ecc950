"""What happens to a pipeline on three brokers: one function for each fault, which returns what it chose to do.

A function returns when its fault has lasted; whoever called it mends the network and the brokers behind it.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from confluent_kafka import Producer

from tests.acceptance.cluster_pipeline import ClusterPipeline
from tests.kafka.cluster import CLIENT, Cluster

SESSION_SECONDS: Final = 3
TRANSACTION_SECONDS: Final = 15
"""The transaction time-out of the program."""
HOUR: Final = 3600


@dataclass
class Stage:
    """What a fault works on, and the dice by which it chooses."""

    pipeline: ClusterPipeline
    dice: random.Random
    complaints: list[str] = field(default_factory=list)
    """What must not have happened, as a fault itself saw."""

    @property
    def cluster(self) -> Cluster:
        """The brokers."""
        return self.pipeline.cluster

    def node(self) -> int:
        """Choose a node."""
        return self.dice.choice(list(self.cluster.nodes))

    async def lasts(self, least: float, most: float) -> float:
        """Let the fault last for a time between these two; return the seconds."""
        seconds = self.dice.uniform(least, most)
        await asyncio.sleep(seconds)
        return seconds

    def replace(self, servers: str | None = None, *, clock_off: int = 0) -> None:
        """Kill one process and start another."""
        fleet = self.pipeline.fleet
        fleet.remove_ended()
        if fleet.alive:
            fleet.kill(self.dice.choice(fleet.alive))
        fleet.start(servers or self.cluster.bootstrap_servers, clock_off=clock_off)


Fault: TypeAlias = Callable[[Stage], Awaitable[str]]


async def leader_cut_off(stage: Stage) -> str:
    """Cut a leader off from its peers, not from us, and replace a process by one that asks it first."""
    topic = stage.dice.choice(("seen", "seen", "raw", "events"))
    leaders = await asyncio.to_thread(stage.cluster.leaders, stage.pipeline.topic(topic), 1)
    node, how = stage.dice.choice(list(leaders.values())), stage.dice.choice(("cut", "black_hole"))
    stage.cluster.isolate_from_peers(node, "cut" if how == "cut" else "black_hole")
    await asyncio.to_thread(stage.cluster.wait_until_led_without, node)
    await stage.lasts(2, 6)
    servers = stage.dice.choice((stage.cluster.addresses[node], stage.cluster.bootstrap_servers))
    stage.replace(servers)
    seconds = await stage.lasts(4, 10)
    return f"node {node}, which led {topic}: {how}, and {seconds:.0f} s more behind a process replaced"


async def black_hole(stage: Stage) -> str:
    """Let what one party sends to another vanish."""
    sender, receiver = stage.dice.sample((CLIENT, *stage.cluster.nodes), 2)
    stage.cluster.black_hole(sender, receiver)
    return f"from {sender} to {receiver} for {await stage.lasts(6, 15):.0f} s"


async def delay(stage: Stage) -> str:
    """Let what some parties send to others come seconds later."""
    delays = []
    for _ in range(stage.dice.randint(1, 3)):
        sender, receiver = stage.dice.sample((CLIENT, *stage.cluster.nodes), 2)
        seconds = stage.dice.uniform(2, 10)
        stage.cluster.delay(sender, receiver, seconds)
        delays.append(f"{sender} to {receiver} by {seconds:.1f} s")
    return f"{', '.join(delays)} for {await stage.lasts(8, 15):.0f} s"


async def broker_stopped(stage: Stage) -> str:
    """Stop a broker for longer than its session."""
    node = stage.node()
    stage.cluster.freeze(node)
    return f"node {node} for {await stage.lasts(5, 12):.0f} s"


async def two_brokers_away(stage: Stage) -> str:
    """Kill two brokers, so that no majority is left."""
    nodes = stage.dice.sample(list(stage.cluster.nodes), 2)
    for node in nodes:
        stage.cluster.kill(node)
    return f"nodes {nodes} for {await stage.lasts(4, 12):.0f} s"


async def all_brokers_away(stage: Stage) -> str:
    """Take all brokers away for longer than a transaction may last: from us alone, or from everybody."""
    how = stage.dice.choice(("cut off from us", "stopped", "killed"))
    for node in stage.cluster.nodes:
        if how == "killed":
            stage.cluster.kill(node)
        elif how == "stopped":
            stage.cluster.freeze(node)
        else:
            stage.cluster.cut(CLIENT, node)
    return f"{how} for {await stage.lasts(TRANSACTION_SECONDS + 1, TRANSACTION_SECONDS + 4):.0f} s"


async def controller_killed(stage: Stage) -> str:
    """Kill the node that leads the controllers."""
    node = await asyncio.to_thread(stage.cluster.active_controller)
    stage.cluster.kill(node)
    return f"node {node} for {await stage.lasts(4, 10):.0f} s"


async def process_stopped(stage: Stage) -> str:
    """Stop a process for longer than its session, or than a transaction may last; it wakes up beside its successor."""
    victim = stage.dice.choice(stage.pipeline.fleet.alive)
    least = stage.dice.choice((SESSION_SECONDS + 1, TRANSACTION_SECONDS + 1))
    victim.child.signal(signal.SIGSTOP)
    try:
        seconds = await stage.lasts(least, least + 3)
    finally:
        victim.child.signal(signal.SIGCONT)
    await stage.lasts(1, 3)
    return f"{victim.log.stem} for {seconds:.0f} s"


async def rebalance_storm(stage: Stage) -> str:
    """Let processes come and go faster than they can take over."""
    fleet, done = stage.pipeline.fleet, []
    for _ in range(stage.dice.randint(5, 8)):
        fleet.remove_ended()
        what = stage.dice.choice(("start", "stop", "kill")) if len(fleet.alive) > 1 else "start"
        if what == "start":
            fleet.start(stage.cluster.bootstrap_servers)
        elif what == "stop":
            await fleet.stop(stage.dice.choice(fleet.alive))
        else:
            fleet.kill(stage.dice.choice(fleet.alive))
        done.append(what)
        await stage.lasts(0.3, 2.5)
    return ", ".join(done)


async def clock_off(stage: Stage) -> str:
    """Replace a process by one whose clock is an hour off."""
    off = stage.dice.choice((-HOUR, HOUR))
    stage.replace(clock_off=off)
    return f"{off} s, {await stage.lasts(5, 10):.0f} s so far"


async def topics_applied(stage: Stage) -> str:
    """Run `topics apply` during load."""
    for _ in range(2):
        if complaint := await asyncio.to_thread(stage.pipeline.apply_once):
            stage.complaints.append(f"topics apply: {complaint.strip()[:300]}")
    return "twice"


async def foreign_transactions(stage: Stage) -> str:
    """Let a stranger hold transactions open on `events` and `seen` while a process is replaced."""
    partition = stage.dice.randrange(stage.pipeline.partitions)
    stranger = await asyncio.to_thread(_write_as_stranger, stage, partition)
    stage.replace()
    seconds = await stage.lasts(4, 8)
    how = stage.dice.choice(("aborted", "left to its time-out"))
    if how == "aborted":
        await asyncio.to_thread(stranger.abort_transaction, 30.0)
    return f"on partition {partition} for {seconds:.0f} s, then {how}"


FAULTS: Final[Mapping[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        leader_cut_off,
        black_hole,
        delay,
        broker_stopped,
        two_brokers_away,
        all_brokers_away,
        controller_killed,
        process_stopped,
        rebalance_storm,
        clock_off,
        topics_applied,
        foreign_transactions,
    )
}


def _write_as_stranger(stage: Stage, partition: int) -> Producer:
    """Write to `events` and `seen` what is never committed."""
    stranger = Producer(
        {
            "bootstrap.servers": stage.cluster.bootstrap_servers,
            "transactional.id": f"{stage.pipeline.topic('stranger')}-{stage.dice.randrange(10**6)}",
            "transaction.timeout.ms": 12_000,
            "log_level": 2,
        }
    )
    stranger.init_transactions(30.0)
    stranger.begin_transaction()
    for name in ("events", "seen"):
        stranger.produce(stage.pipeline.topic(name), b"never committed", partition=partition)
    stranger.flush(30.0)
    return stranger
